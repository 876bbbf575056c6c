//! Routes: which protocol is spoken where, and what names mean there.

use http::Method;

use super::{pattern::Pattern, shape::words};
use crate::agent::{Mode, orchestration::Wanted};

/// What holds for requests that come in one way.
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) reach: Reach,
    /// What is spoken.
    pub protocol: Protocol,
    /// The model of requests that name none.
    pub default_model: Option<String>,
    /// Whose hands act, for requests that do not say it.
    pub mode: Option<Mode>,
    /// What is done around the loop, for requests that do not say it.
    pub around: Wanted,
    /// What names stand for here, before anything else: the first that matches.
    pub(super) models: Vec<(Pattern, String)>,
}

impl Route {
    /// The name that `name` stands for on this route: itself, unless the route says otherwise.
    pub fn meaning<'a>(&'a self, name: &'a str) -> &'a str {
        let renamed = self.models.iter().find(|(pattern, _)| pattern.matches(name));
        renamed.map_or(name, |(_, meant)| meant)
    }
}

/// Which requests a route is for. What is `None` or empty does not matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// In small letters, without a port.
    pub(super) host: Option<Pattern>,
    /// Without a slash at the end; the root is empty.
    pub(super) path: Option<String>,
    pub(super) methods: Vec<Method>,
}

impl Reach {
    pub(super) fn includes(&self, host: &str, path: &str, method: &Method) -> bool {
        let host = without_port(host).to_ascii_lowercase();
        self.host.as_ref().is_none_or(|pattern| pattern.matches(&host))
            && self.path.as_ref().is_none_or(|prefix| is_under(path, prefix))
            && (self.methods.is_empty() || self.methods.contains(method))
    }

    /// Whether whatever reaches `other` reaches this one too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let host = match (&self.host, &other.host) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(host), Some(others)) => host.covers(others),
        };
        let path = match (&self.path, &other.path) {
            (None, _) => true,
            (Some(prefix), None) => prefix.is_empty(),
            (Some(prefix), Some(path)) => is_under(path, prefix),
        };
        let methods = self.methods.is_empty()
            || !other.methods.is_empty()
                && other.methods.iter().all(|method| self.methods.contains(method));
        host && path && methods
    }
}

/// `/v1` holds `/v1` and `/v1/messages`, but not `/v10`.
fn is_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The host of a `Host` header (RFC 9110, 7.2). An IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

words! {
    /// What is spoken with callers.
    Protocol {
        /// OpenAI's chat completions.
        OpenAiChat = "openai-chat",
        /// OpenAI's responses.
        OpenAiResponses = "openai-responses",
        /// Anthropic's messages.
        Anthropic = "anthropic",
        /// Google's generateContent.
        Gemini = "gemini",
        /// Ollama's own chat.
        Ollama = "ollama",
        /// OpenAI's older completions.
        Completions = "completions",
        /// OpenAI's embeddings.
        Embeddings = "embeddings",
    }
}
