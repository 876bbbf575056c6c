//! What search engines answer, read into hits.

use serde_json::Value;

use crate::tools::web::plain_text;

/// The longest excerpt, in characters.
const MAX_TEXT: usize = 600;

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What the page is called.
    pub title: String,
    /// Where it is.
    pub url: String,
    /// What it says of what was asked.
    pub text: String,
}

impl Hit {
    /// One that says where it is, and something.
    fn new(title: &str, url: &str, text: &str) -> Option<Self> {
        let read = |text: &str| plain_text(text).1;
        let text: String = read(text).chars().take(MAX_TEXT).collect();
        let title = read(title);
        let says_something = !title.is_empty() || !text.is_empty();
        (says_something && !url.is_empty()).then(|| Self { title, url: url.to_owned(), text })
    }
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// An instant answer, a definition, and what is related.
pub(super) fn duckduckgo(answer: &Value) -> Vec<Hit> {
    const SITE: &str = "https://duckduckgo.com/";
    let heading = text(answer, "Heading");
    // An answer by itself is text; that of some calculators is an object, for their own pages.
    let direct = Hit::new("Answer", SITE, text(answer, "Answer")).filter(|it| !it.text.is_empty());
    let summary = Hit::new(heading, text(answer, "AbstractURL"), text(answer, "AbstractText"));
    let definition = Hit::new(heading, text(answer, "DefinitionURL"), text(answer, "Definition"));
    let first =
        [direct, summary, definition].into_iter().flatten().filter(|it| !it.text.is_empty());
    let related = list(answer, "RelatedTopics").flat_map(|topic| {
        let inner: Vec<&Value> = list(topic, "Topics").collect();
        if inner.is_empty() { vec![topic] } else { inner }
    });
    let topic = |topic: &Value| {
        let said = text(topic, "Text");
        let title = said.split_once(" - ").map_or(said, |(title, _)| title);
        Hit::new(title, text(topic, "FirstURL"), said)
    };
    first.chain(list(answer, "Results").chain(related).filter_map(topic)).collect()
}

pub(super) fn searxng(answer: &Value) -> Vec<Hit> {
    let hit = |it: &Value| Hit::new(text(it, "title"), text(it, "url"), text(it, "content"));
    list(answer, "results").filter_map(hit).collect()
}

pub(super) fn brave(answer: &Value) -> Vec<Hit> {
    let web = answer.get("web").unwrap_or(&Value::Null);
    let hit = |it: &Value| Hit::new(text(it, "title"), text(it, "url"), text(it, "description"));
    list(web, "results").filter_map(hit).collect()
}
