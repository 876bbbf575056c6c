//! HTTP services as tools: from the catalog, or registered by a tenant.
//!
//! | of the input            | goes                                                             |
//! |-------------------------|------------------------------------------------------------------|
//! | a field that the URL names, `{field}` | there, percent-encoded, so that it is one piece of it |
//! | the others, with GET and DELETE | into the query                                           |
//! | the others, otherwise   | into the body, as a JSON object                                  |

mod template;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request,
    header::{ACCEPT, CONTENT_TYPE, LOCATION},
};
use serde_json::{Map, Value};

pub use self::template::UrlTemplate;
use super::{
    Context, Output, Tool,
    web::{Fetched, MediaType, Target, plain_text, send},
};
use crate::{chat, ports::HttpClient, settings::Headers};

/// The most of an answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// The header by which a service knows a call that it has done before
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The methods that a tool may have.
pub const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// What a service is called with.
#[derive(Clone, Debug)]
pub struct HttpTool {
    /// Its name, what it does, and the JSON Schema of its input.
    pub definition: chat::Tool,
    /// How it is called.
    pub method: Method,
    /// Where.
    pub url: UrlTemplate,
    /// Headers of every call. Their values may be secrets, and are struck out of what it answers.
    pub headers: Headers,
    /// The longest a call may take, if not as long as most.
    pub timeout: Option<Duration>,
}

/// Whether a tool may have this name: 1 to 64 letters, digits, `_` and `-`.
pub fn is_tool_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

/// The fields of a URL that a schema does not ask for; without them there would be no URL.
pub fn fields_that_may_be_missing(url: &UrlTemplate, schema: &Value) -> Option<String> {
    let required = schema.get("required").and_then(Value::as_array);
    let asked = |field: &str| required.is_some_and(|all| all.iter().any(|it| it == field));
    url.fields().find(|field| !asked(field)).map(str::to_owned)
}

/// A service, and the way to it.
pub(super) struct Remote {
    tool: HttpTool,
    http: Arc<dyn HttpClient>,
    /// Whether a stranger chose the address.
    guarded: bool,
}

impl Remote {
    /// A service of the operator's, wherever it is.
    pub(super) fn trusted(tool: HttpTool, http: Arc<dyn HttpClient>) -> Self {
        Self { tool, http, guarded: false }
    }

    /// A service that a tenant named; `web` calls no private address.
    pub(super) fn guarded(tool: HttpTool, web: Arc<dyn HttpClient>) -> Self {
        Self { tool, http: web, guarded: true }
    }

    fn request(
        &self,
        mut input: Map<String, Value>,
        context: &Context,
    ) -> Result<Request<Bytes>, String> {
        let mut url = self.tool.url.filled(&mut input)?;
        let reads = matches!(self.tool.method, Method::GET | Method::DELETE);
        if reads && !input.is_empty() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            input.iter().for_each(|(name, value)| {
                query.append_pair(name, &template::written(value));
            });
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&query.finish());
        }
        if self.guarded {
            Target::parse(&url).map_err(|why| format!("the tool's URL {why}"))?;
        }
        let body = if reads { Bytes::new() } else { Value::Object(input).to_string().into() };
        let mut request = Request::new(body);
        *request.method_mut() = self.tool.method.clone();
        *request.uri_mut() =
            url.parse().map_err(|_| "the input makes no URL that can be called")?;
        self.say(request.headers_mut(), context, !reads)?;
        Ok(request)
    }

    fn say(&self, headers: &mut HeaderMap, context: &Context, writes: bool) -> Result<(), String> {
        headers
            .insert(ACCEPT, HeaderValue::from_static("application/json, text/*;q=0.9, */*;q=0.1"));
        if writes {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let key = HeaderValue::from_str(&context.idempotency_key);
            headers.insert(IDEMPOTENCY_KEY, key.map_err(|_| "the call's key cannot be sent")?);
        }
        headers.extend(self.tool.headers.0.iter().cloned());
        Ok(())
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("tool", &self.tool.definition.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Tool for Remote {
    fn definition(&self) -> &chat::Tool {
        &self.tool.definition
    }

    fn time_limit(&self) -> Option<Duration> {
        self.tool.timeout
    }

    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output {
        let request = match self.request(input, context) {
            Ok(request) => request,
            Err(why) => return Output::failed(why),
        };
        let secrets = self.tool.headers.secrets();
        let answered = match send(self.http.as_ref(), request, MAX_ANSWER).await {
            Ok(fetched) => answer(&fetched),
            Err(error) => Output::failed(error.message().replace("the provider", "the service")),
        };
        super::result::struck_out(answered, &secrets)
    }
}

fn answer(fetched: &Fetched) -> Output {
    let status = fetched.status;
    if (300..400).contains(&status) && fetched.headers.contains_key(LOCATION) {
        return Output::failed(format!("the service redirects ({status}), which is not followed"));
    }
    let mut text = match fetched.media_type() {
        MediaType::Html => plain_text(&fetched.text()).1,
        MediaType::Text => fetched.text(),
        MediaType::Other => {
            return Output::failed(format!(
                "the service answered {status} with {}, which is no text",
                fetched.content_type()
            ));
        }
    };
    if fetched.cut {
        text.push_str(&format!(
            "\n[the answer is longer than {MAX_ANSWER} bytes; the rest was not read]"
        ));
    }
    if status >= 400 {
        return Output::failed(format!("the service answered {status}: {text}"));
    }
    Output::text(if text.trim().is_empty() {
        format!("done ({status}, without a text)")
    } else {
        text
    })
}
