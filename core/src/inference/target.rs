//! Where a provider is and what it wants with every request.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
};

use crate::{
    Code, Error, Result,
    catalog::{self, AuthStyle, Credential},
    chat::Dialect,
    ports::Lease,
    settings::{Secret, Settings},
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
    /// What follows the question mark of every call: a credential.
    query: Option<Secret>,
    max_tokens_field: Option<MaxTokensField>,
    secret: Option<Secret>,
    header_secrets: Vec<String>,
    headers: HeaderMap,
    pub(super) first_byte_timeout: Duration,
    pub(super) idle_timeout: Duration,
    /// The slot that is to answer, if the server has numbered ones.
    pub(super) slot: Option<u32>,
}

impl Target {
    /// A provider of the catalog, shown `credential`.
    pub fn new(
        provider: &catalog::Provider,
        credential: Option<&Credential>,
        settings: &Settings,
    ) -> Result<Self> {
        let mut headers: HeaderMap = provider.headers.0.iter().cloned().collect();
        headers.insert(USER_AGENT, AGENT);
        let mut query = None;
        if let Some(credential) = credential {
            query = show(credential, provider.auth, &mut headers)?;
        }
        Ok(Self {
            dialect: provider.api.dialect(),
            base: provider.base_url.clone(),
            query,
            max_tokens_field: provider.max_tokens_field,
            secret: credential.map(|credential| credential.secret.clone()),
            header_secrets: provider.headers.secrets(),
            headers,
            first_byte_timeout: provider
                .first_byte_timeout
                .unwrap_or(settings.upstream_first_byte_timeout),
            idle_timeout: provider.idle_timeout.unwrap_or(settings.upstream_idle_timeout),
            slot: None,
        })
    }

    /// The model server of `lease`, which was started by the gateway. It is as patient with it as with
    /// the upstream, but shows it no credential and no header that is meant for the upstream.
    pub fn from_lease(lease: &Lease, settings: &Settings) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, AGENT);
        Self {
            dialect: Dialect::OpenAiChat,
            base: lease.base_url.trim_end_matches('/').to_owned(),
            max_tokens_field: None,
            secret: None,
            header_secrets: Vec::new(),
            headers,
            query: None,
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
        self.max_tokens_field.unwrap_or_else(|| {
            if self.is_openai() {
                MaxTokensField::MaxCompletionTokens
            } else {
                MaxTokensField::MaxTokens
            }
        })
    }

    /// Whether it is OpenAI itself.
    pub(super) fn is_openai(&self) -> bool {
        self.base.contains("://api.openai.com/")
    }

    pub(super) fn get(&self, path: &str) -> Result<Request<Bytes>> {
        self.request(Method::GET, Call::new(path, Bytes::new()), false)
    }

    pub(super) fn post(&self, call: Call, stream: bool) -> Result<Request<Bytes>> {
        self.request(Method::POST, call, stream)
    }

    fn request(&self, method: Method, call: Call, stream: bool) -> Result<Request<Bytes>> {
        let mut url = match call.path.strip_prefix('/') {
            Some(path) => format!("{}/{path}", self.base.strip_suffix("/v1").unwrap_or(&self.base)),
            None => format!("{}/{}", self.base, call.path),
        };
        if let Some(query) = &self.query {
            url.push(if call.path.contains('?') { '&' } else { '?' });
            url.push_str(query.expose());
        }
        let mut request =
            Request::builder().method(method).uri(url).body(call.body).map_err(|error| {
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

/// Puts a credential where the provider wants it. Returns it if that is the query.
fn show(
    credential: &Credential,
    auth: AuthStyle,
    headers: &mut HeaderMap,
) -> Result<Option<Secret>> {
    let secret = credential.secret.expose();
    if auth == AuthStyle::QueryKey {
        let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        return Ok(Some(Secret::new(&format!("key={encoded}"))));
    }
    let Some(name) = auth.header() else { return Ok(None) };
    let text = match auth {
        AuthStyle::Bearer => format!("Bearer {secret}"),
        _ => secret.to_owned(),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        let message = format!("the credential `{}` cannot be sent in a header", credential.name);
        Error::new(Code::InvalidRequest, message)
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(None)
}
