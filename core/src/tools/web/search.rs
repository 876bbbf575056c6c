//! `web_search`: asks the search engine that the operator chose.
//!
//! Sources: <https://duckduckgo.com/api> (instant answers), <https://docs.searxng.org/dev/search_api.html>,
//! <https://api-dashboard.search.brave.com/app/documentation/web-search/get-started>.

mod read;

use std::sync::Arc;

use ::http::{HeaderName, HeaderValue, Request, header::ACCEPT};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value, json};

pub use self::read::Hit;
use super::send;
use crate::{
    Code, Error, Result, chat,
    ports::HttpClient,
    settings::Secret,
    tools::{Context, Output, Tool, define},
};

/// The most of an answer that is read, in bytes.
const MAX_ANSWER: usize = 2 << 20;
/// The most hits.
const MAX_HITS: usize = 20;
/// How many hits are shown where nothing is said.
const HITS: usize = 8;

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchEngine {
    /// DuckDuckGo's instant answers: no key, and no full search either.
    DuckDuckGo,
    /// Brave, with a key.
    Brave,
    /// A SearXNG server at this base URL, whose settings allow the format `json`.
    SearXng(String),
}

/// Searches the web.
#[derive(Clone, Debug)]
pub struct WebSearch {
    definition: chat::Tool,
    engine: SearchEngine,
    key: Option<Secret>,
    http: Arc<dyn HttpClient>,
}

impl WebSearch {
    /// With `engine`, to which `key` is shown if it takes one.
    pub fn new(engine: SearchEngine, key: Option<Secret>, http: Arc<dyn HttpClient>) -> Self {
        let schema = json!({
            "type": "object",
            "properties": {
                "query": { "type": "string", "minLength": 1, "maxLength": 400, "description": "What to look for." },
                "count": { "type": "integer", "minimum": 1, "maximum": MAX_HITS, "description": "How many results. Default: 8." },
            },
            "required": ["query"],
            "additionalProperties": false,
        });
        let about =
            "Searches the web. Returns titles, addresses and excerpts; read a page with web_fetch.";
        Self { definition: define("web_search", about, schema), engine, key, http }
    }

    /// What is found.
    ///
    /// # Errors
    ///
    /// Those of an upstream that is down or answers something else.
    pub async fn search(&self, query: &str, count: usize) -> Result<Vec<Hit>> {
        let request = self.request(query, count)?;
        let fetched = send(self.http.as_ref(), request, MAX_ANSWER).await?;
        if fetched.status != 200 {
            let message = format!("the search engine answered {}", fetched.status);
            return Err(Error::new(Code::UpstreamFailed, message));
        }
        let answer: Value = serde_json::from_slice(&fetched.body).map_err(|error| {
            Error::new(Code::UpstreamInvalid, "the search engine did not answer JSON")
                .caused_by(error)
        })?;
        let mut hits = match self.engine {
            SearchEngine::DuckDuckGo => read::duckduckgo(&answer),
            SearchEngine::Brave => read::brave(&answer),
            SearchEngine::SearXng(_) => read::searxng(&answer),
        };
        hits.truncate(count);
        Ok(hits)
    }

    fn request(&self, query: &str, count: usize) -> Result<Request<Bytes>> {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let url = match &self.engine {
            SearchEngine::DuckDuckGo => {
                format!(
                    "https://api.duckduckgo.com/?q={query}&format=json&no_html=1&skip_disambig=1"
                )
            }
            SearchEngine::Brave => {
                format!("https://api.search.brave.com/res/v1/web/search?q={query}&count={count}")
            }
            SearchEngine::SearXng(base) => {
                format!("{}/search?q={query}&format=json", base.trim_end_matches('/'))
            }
        };
        let uncallable = |error: ::http::Error| {
            Error::new(Code::Internal, "the search engine cannot be called").caused_by(error)
        };
        let mut request = Request::get(url)
            .header(ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(uncallable)?;
        if let (SearchEngine::Brave, Some(key)) = (&self.engine, &self.key) {
            let name = HeaderName::from_static("x-subscription-token");
            let mut value =
                HeaderValue::from_str(key.expose()).map_err(|error| uncallable(error.into()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

#[async_trait]
impl Tool for WebSearch {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, input: Map<String, Value>, _: &Context) -> Output {
        let query = input.get("query").and_then(Value::as_str).unwrap_or_default();
        let count = input.get("count").and_then(Value::as_u64);
        let count = count.and_then(|it| usize::try_from(it).ok()).unwrap_or(HITS).min(MAX_HITS);
        match self.search(query, count).await {
            Ok(hits) if hits.is_empty() => Output::text("nothing was found"),
            Ok(hits) => Output::text(listed(&hits)),
            Err(error) => {
                let why = error.message().replace("the provider", "the search engine");
                Output::failed(format!("the search failed: {why}"))
            }
        }
    }
}

/// Hits with their numbers, for a model to read and to cite.
fn listed(hits: &[Hit]) -> String {
    let line = |(at, hit): (usize, &Hit)| {
        let Hit { title, url, text } = hit;
        format!("{}. {title}\n   {url}\n   {text}", at + 1)
    };
    hits.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}
