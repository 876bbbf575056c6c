//! Where a provider is and what it wants with every request.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};

use crate::{
    Code, Error, Result,
    chat::Dialect,
    ports::Lease,
    settings::{Auth, Secret, Settings},
    wire::{Call, MaxTokensField},
};

/// Who calls.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("dormouse/", env!("CARGO_PKG_VERSION")));

/// Where a provider is and how it is to be called.
#[derive(Clone, Debug)]
pub struct Target {
    /// The wire format it speaks.
    pub(super) dialect: Dialect,
    base: String,
    secret: Option<Secret>,
    header_secrets: Vec<String>,
    headers: HeaderMap,
    pub(super) first_byte_timeout: Duration,
    pub(super) idle_timeout: Duration,
    /// The slot that is to answer, if the server has numbered ones.
    pub(super) slot: Option<u32>,
}

impl Target {
    /// The upstream that `settings` names; `None` if they name none.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>> {
        let Some(base) = &settings.upstream else { return Ok(None) };
        let wrong = |why: &'static str| Error::invalid("DORMOUSE_UPSTREAM", why);
        let uri: Uri = base.parse().map_err(|_| wrong("DORMOUSE_UPSTREAM is not a URL"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            let why = "DORMOUSE_UPSTREAM may not hold a user name or password: use DORMOUSE_UPSTREAM_API_KEY or DORMOUSE_UPSTREAM_HEADERS";
            return Err(wrong(why));
        }
        if uri.host().is_none() || uri.query().is_some() {
            return Err(wrong("DORMOUSE_UPSTREAM must be a URL with a host and without a query"));
        }
        let mut headers: HeaderMap = settings.upstream_headers.0.iter().cloned().collect();
        headers.insert(USER_AGENT, AGENT);
        if let Some(secret) = &settings.upstream_api_key {
            credential(&mut headers, settings.upstream_auth, secret)?;
        }
        Ok(Some(Self {
            dialect: Dialect::OpenAiChat,
            base: base.trim_end_matches('/').to_owned(),
            secret: settings.upstream_api_key.clone(),
            header_secrets: settings.upstream_headers.secrets(),
            headers,
            first_byte_timeout: settings.upstream_first_byte_timeout,
            idle_timeout: settings.upstream_idle_timeout,
            slot: None,
        }))
    }

    /// The model server of `lease`, which was started by the gateway. It is as patient with it as with
    /// the upstream, but shows it no credential and no header that is meant for the upstream.
    pub fn from_lease(lease: &Lease, settings: &Settings) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, AGENT);
        Self {
            dialect: Dialect::OpenAiChat,
            base: lease.base_url.trim_end_matches('/').to_owned(),
            secret: None,
            header_secrets: Vec::new(),
            headers,
            first_byte_timeout: settings.upstream_first_byte_timeout,
            idle_timeout: settings.upstream_idle_timeout,
            slot: lease.slot,
        }
    }

    /// What must not reach anyone else: the credential, and the values of the operator's headers, which
    /// may be credentials too.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let key = self.secret.as_ref().map(Secret::expose);
        key.into_iter().chain(self.header_secrets.iter().map(String::as_str))
    }

    /// OpenAI's own reasoning models refuse `max_tokens`; many other servers know nothing else.
    pub(super) fn max_tokens_field(&self) -> MaxTokensField {
        if self.base.contains("://api.openai.com/") {
            MaxTokensField::MaxCompletionTokens
        } else {
            MaxTokensField::MaxTokens
        }
    }

    pub(super) fn get(&self, path: &str) -> Result<Request<Bytes>> {
        self.request(Method::GET, Call::new(path, Bytes::new()), false)
    }

    pub(super) fn post(&self, call: Call, stream: bool) -> Result<Request<Bytes>> {
        self.request(Method::POST, call, stream)
    }

    fn request(&self, method: Method, call: Call, stream: bool) -> Result<Request<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/{}", self.base, call.path))
            .body(call.body)
            .map_err(|error| {
                Error::new(Code::Internal, "the upstream's URL cannot be called").caused_by(error)
            })?;
        let accept = if stream { "text/event-stream" } else { "application/json" };
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        headers.extend(call.headers);
        headers.extend(self.headers.clone());
        Ok(request)
    }
}

fn credential(headers: &mut HeaderMap, auth: Auth, secret: &Secret) -> Result<()> {
    let (name, text) = match auth {
        Auth::Bearer => (AUTHORIZATION, format!("Bearer {}", secret.expose())),
        Auth::ApiKey => (http::HeaderName::from_static("x-api-key"), secret.expose().to_owned()),
        Auth::None => return Ok(()),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        Error::invalid(
            "DORMOUSE_UPSTREAM_API_KEY",
            "DORMOUSE_UPSTREAM_API_KEY cannot be sent in a header",
        )
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}
