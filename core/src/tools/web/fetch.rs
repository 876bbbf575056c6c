//! `web_fetch`: a page of the public web, as text.

use std::sync::Arc;

use ::http::{
    Request,
    header::{ACCEPT, LOCATION, USER_AGENT},
};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Fetched, MediaType, Target, plain_text, send};
use crate::{
    chat,
    ports::HttpClient,
    tools::{Context, Output, Tool, define},
};

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// The most of a page that is read, in bytes.
const MAX_PAGE: usize = 4 << 20;
/// How much of a page's text is shown at once, in characters.
const PIECE: usize = 6000;

/// Fetches pages.
#[derive(Debug)]
pub struct WebFetch {
    definition: chat::Tool,
    web: Option<Arc<dyn HttpClient>>,
}

impl WebFetch {
    /// Over `web`, a client that calls no private address whatever a name resolves to.
    pub fn new(web: Option<Arc<dyn HttpClient>>) -> Self {
        let schema = json!({
            "type": "object",
            "properties": {
                "url": { "type": "string", "description": "Where the page is: https://…" },
                "start": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "At which character of the text to begin, to read on in a long page. Default: 0.",
                },
            },
            "required": ["url"],
            "additionalProperties": false,
        });
        let about =
            "Fetches a page of the public web and returns it as plain text, a piece at a time.";
        Self { definition: define("web_fetch", about, schema), web }
    }
}

#[async_trait]
impl Tool for WebFetch {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, input: Map<String, Value>, _: &Context) -> Output {
        let Some(web) = &self.web else {
            return Output::failed("this gateway has no way to the web: go on without");
        };
        let url = input.get("url").and_then(Value::as_str).unwrap_or_default();
        let start = input.get("start").and_then(Value::as_u64).unwrap_or_default();
        let target = match Target::parse(url) {
            Ok(target) => target,
            Err(why) => return Output::failed(format!("`url` {why}")),
        };
        match get(web.as_ref(), target).await {
            Ok((target, fetched)) => {
                shown(&target, &fetched, usize::try_from(start).unwrap_or(usize::MAX))
            }
            Err(why) => Output::failed(why),
        }
    }
}

/// Gets what a URL leads to. Every redirect is looked at like the first URL.
async fn get(web: &dyn HttpClient, mut target: Target) -> Result<(Target, Fetched), String> {
    for _ in 0..=MAX_REDIRECTS {
        let request = Request::get(target.uri().clone())
            .header(USER_AGENT, concat!("dormouse/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "text/html, text/*;q=0.9, application/json;q=0.9, */*;q=0.1")
            .body(Bytes::new())
            .map_err(|_| "the URL cannot be called".to_owned())?;
        let fetched =
            send(web, request, MAX_PAGE).await.map_err(|error| failed(&target, &error))?;
        let location = fetched.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(location) =
            location.filter(|_| matches!(fetched.status, 301 | 302 | 303 | 307 | 308))
        else {
            return Ok((target, fetched));
        };
        target = target
            .joined(location)
            .map_err(|why| format!("the page redirects to a URL that {why}"))?;
    }
    Err(format!("the page redirects more than {MAX_REDIRECTS} times"))
}

/// The client speaks of providers; here it is a page.
fn failed(target: &Target, error: &crate::Error) -> String {
    let host = target.uri().host().unwrap_or_default();
    format!("{host}: {}", error.message().replace("the provider", "the server"))
}

fn shown(target: &Target, fetched: &Fetched, start: usize) -> Output {
    let (title, text) = match fetched.media_type() {
        MediaType::Html => plain_text(&fetched.text()),
        MediaType::Text => (String::new(), fetched.text()),
        MediaType::Other => {
            let (kind, length) = (fetched.content_type(), fetched.body.len());
            return Output::failed(format!(
                "this is no text but {kind}, of {length} bytes or more"
            ));
        }
    };
    let all = text.chars().count();
    if start > 0 && start >= all {
        return Output::failed(format!("the text has only {all} characters"));
    }
    let piece: String = text.chars().skip(start).take(PIECE).collect();
    let end = start + piece.chars().count();
    let mut shown = format!("url: {}\nstatus: {}\n", target.uri(), fetched.status);
    if !title.is_empty() {
        shown.push_str(&format!("title: {title}\n"));
    }
    shown.push('\n');
    shown.push_str(&piece);
    if end < all {
        shown.push_str(&format!(
            "\n\n[characters {start} to {end} of {all}; read on with start = {end}]"
        ));
    } else if fetched.cut {
        shown.push_str(&format!(
            "\n\n[the page is longer than {MAX_PAGE} bytes; the rest was not read]"
        ));
    }
    Output { is_error: fetched.status >= 400, ..Output::text(shown) }
}
