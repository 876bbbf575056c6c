//! What is looked up before the model is asked, and how it is shown what was found.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Kind, Web, words};
use crate::{
    agent::{Call, Ran},
    chat::told,
    tools::cut,
};

/// The most pages that a question names and that are fetched.
const MAX_PAGES: usize = 3;
/// The longest address that is taken for one, in bytes.
const MAX_URL: usize = 2000;
/// How much of a question is searched for, in characters: what the tool takes.
const MAX_QUERY: usize = 400;
/// How much of one source is shown, in bytes: it is part of every question that follows.
const MAX_SOURCE: usize = 4000;
/// How many results are wanted.
const HITS: u32 = 6;

/// Words that ask for what changes from day to day.
const NEWS: [&str; 15] = [
    "today",
    "tonight",
    "yesterday",
    "tomorrow",
    "currently",
    "latest",
    "newest",
    "recent",
    "recently",
    "news",
    "headlines",
    "weather",
    "forecast",
    "online",
    "nowadays",
];
/// Two words that do.
const NEWS_IN_TWO: [(&str, &str); 12] = [
    ("this", "week"),
    ("this", "month"),
    ("this", "year"),
    ("last", "week"),
    ("right", "now"),
    ("as", "of"),
    ("current", "price"),
    ("exchange", "rate"),
    ("stock", "price"),
    ("look", "up"),
    ("search", "for"),
    ("the", "web"),
];

const SEARCH: &str = "web_search";
const FETCH: &str = "web_fetch";

/// What is to be looked up for `question`. `has` says which tools there are.
pub(super) fn calls(
    (web, kind): (Option<Web>, Option<Kind>),
    question: &str,
    has: impl Fn(&str) -> bool,
) -> Vec<Call> {
    let searches = match web {
        Some(Web::Never) => return Vec::new(),
        Some(Web::Always) => true,
        Some(Web::Auto) => asks_for_news(question),
        None if kind.is_some_and(Kind::searches) => true,
        None => return Vec::new(),
    };
    let fetch = |url: String| (FETCH, json!({ "url": url }));
    let query: String =
        question.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_QUERY).collect();
    let search =
        (searches && !query.is_empty()).then(|| (SEARCH, json!({ "query": query, "count": HITS })));
    let wanted = pages(question).into_iter().map(fetch).chain(search);
    (0..)
        .zip(wanted.filter(|(tool, _)| has(tool)))
        .map(|(index, (tool, arguments))| Call {
            index,
            id: format!("web_{index}"),
            name: tool.to_owned(),
            arguments: arguments.to_string(),
        })
        .collect()
}

/// What was found, as it is put behind the question: with a number for each source.
pub(super) fn context(calls: &[Call], found: &BTreeMap<u32, &Ran>) -> String {
    let (mut sources, mut failures) = (Vec::new(), Vec::new());
    for call in calls {
        let Some(ran) = found.get(&call.index) else { continue };
        let text = told(&ran.parts);
        if ran.is_error {
            failures.push(format!("({} failed: {})", call.name, text.trim()));
        } else if call.name == SEARCH {
            sources.extend(hits(&text));
        } else {
            sources.push(cut(text.trim().to_owned(), MAX_SOURCE));
        }
    }
    let mut context = match (calls.is_empty(), sources.is_empty()) {
        (true, _) => return String::new(),
        (false, true) => words::NOT_FOUND.to_owned(),
        (false, false) => words::FOUND.to_owned(),
    };
    for (at, source) in sources.iter().enumerate() {
        context.push_str(&format!("\n\n[{}] {source}", at + 1));
    }
    for failure in failures {
        context.push_str(&format!("\n\n{failure}"));
    }
    context
}

/// The hits in what `web_search` says, without its own numbers.
fn hits(text: &str) -> Vec<String> {
    let mut hits: Vec<String> = Vec::new();
    for line in text.lines() {
        let number = format!("{}. ", hits.len() + 1);
        match (line.strip_prefix(&number), hits.last_mut()) {
            (Some(title), _) => hits.push(title.to_owned()),
            (None, Some(hit)) => {
                hit.push('\n');
                hit.push_str(line);
            }
            (None, None) => {}
        }
    }
    hits
}

/// The addresses in a question.
fn pages(question: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let addresses = question.split_whitespace().filter_map(|word| {
        let begins = ["https://", "http://"].iter().filter_map(|scheme| word.find(scheme)).min()?;
        let url = word.get(begins..)?.split(['<', '>', '"', ']', '`']).next()?;
        let url = url.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'', '*']);
        let named = url.split_once("//").is_some_and(|(_, host)| !host.is_empty());
        (named && url.len() <= MAX_URL).then(|| url.to_owned())
    });
    addresses.filter(|url| seen.insert(url.clone())).take(MAX_PAGES).collect()
}

/// Whether a question asks for what changes from day to day.
fn asks_for_news(question: &str) -> bool {
    let lower = question.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.iter().any(|word| NEWS.contains(word))
        || words.windows(2).any(|two| match two {
            [one, other] => NEWS_IN_TWO.contains(&(*one, *other)),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::Part;

    fn names(web: Option<Web>, kind: Option<Kind>, question: &str) -> Vec<String> {
        let calls = calls((web, kind), question, |_| true);
        calls.into_iter().map(|call| call.name).collect()
    }

    #[test]
    fn the_web_is_asked_where_the_question_asks_for_it() {
        let auto = |question| names(Some(Web::Auto), None, question);
        for question in ["What is the weather in Oslo?", "Who won this week?", "Search for cats."] {
            assert_eq!(auto(question), [SEARCH], "{question}");
        }
        for question in ["What is 2 + 2?", "Write a program.", "researching", "https://"] {
            assert!(auto(question).is_empty(), "{question}");
        }
        assert_eq!(auto("Read (https://a.example/b)."), [FETCH]);
        assert_eq!(names(Some(Web::Always), None, "Read https://a.example."), [FETCH, SEARCH]);
        assert!(names(Some(Web::Never), Some(Kind::Search), "news").is_empty());
        assert!(names(None, Some(Kind::Question), "news").is_empty());
        assert_eq!(names(None, Some(Kind::Search), "cats"), [SEARCH]);
        assert!(calls((Some(Web::Always), None), "cats", |_| false).is_empty());
    }

    #[test]
    fn addresses_are_read_out_of_what_stands_around_them() {
        let text = "See <https://a.example/x?y=1>, [it](http://b.example/z). https://a.example/x?y=1 \
            \"https://c.example\"! https://d.example";
        let wanted = ["https://a.example/x?y=1", "http://b.example/z", "https://c.example"];
        assert_eq!(pages(text), wanted);
    }

    #[test]
    fn sources_are_numbered_through_and_failures_are_said() {
        let calls =
            calls((Some(Web::Always), None), "https://a.example https://b.example x", |_| true);
        let ran = |call, text: &str, is_error| Ran {
            call,
            parts: vec![Part::Text { text: text.into(), cache: None }],
            is_error,
        };
        let long = format!("url: https://a.example\n\n{}", "A".repeat(9000));
        let ran = [
            ran(0, &long, false),
            ran(1, "it is down", true),
            ran(2, "1. One\n   https://one\n2. Two\n   3. three", false),
        ];
        let found = ran.iter().map(|ran| (ran.call, ran)).collect();
        let context = context(&calls, &found);
        for said in ["[1] url: https://a.example", "[2] One\n", "[3] Two\n   3. three"] {
            assert!(context.contains(said), "{context}");
        }
        assert!(context.ends_with("(web_fetch failed: it is down)"), "{context}");
        assert!(context.len() < 5000, "a page is cut");
    }

    proptest! {
        #[test]
        fn anything_can_be_asked(text in "(https?://|[<a.)ä ]|today){0,20}") {
            let made = calls((Some(Web::Auto), None), &text, |_| true);
            prop_assert!(made.len() <= MAX_PAGES + 1);
        }
    }
}
