//! One error type for the whole gateway.
//!
//! An error says what the *caller* can do next ([`Kind`]), which of the catalogued situations it is
//! ([`Code`]), and what happened (message and source). It does not say where it happened: spans do
//! that. HTTP statuses are a property of the HTTP surface, so they are not here.

mod code;

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

pub use code::{Code, Kind};
use serde_json::{Map, Value};

/// The gateway's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something failed.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    param: Option<String>,
    retry_after: Option<Duration>,
    details: Option<Box<Map<String, Value>>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with `code`. The message is shown to clients: it names what was wrong with *their*
    /// input and never holds a secret, a host name or a query.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            retry_after: None,
            details: None,
            source: None,
        }
    }

    /// A malformed request, with the path of the field at fault (`messages[0].role`).
    pub fn invalid(param: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, message).at(param)
    }

    /// The same error, recognised as another situation.
    #[must_use]
    pub fn recognised(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Names the request field at fault.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says when an identical attempt may succeed.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Adds machine-readable facts that clients may need: the scope and remainder of a limit, or the
    /// error object of a provider, passed through unreworded.
    #[must_use]
    pub fn with_details(mut self, details: Map<String, Value>) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// Strikes `secret` out of everything that clients see.
    #[must_use]
    pub fn without(mut self, secret: &str) -> Self {
        const STRUCK: &str = "[redacted]";
        if secret.is_empty() {
            return self;
        }
        if self.message.contains(secret) {
            self.message = self.message.replace(secret, STRUCK).into();
        }
        if let Some(details) = &mut self.details {
            strike_fields(details, secret, STRUCK);
        }
        self
    }

    /// Attaches the cause. Causes are logged, never sent.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Which catalogued situation this is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        self.code.kind()
    }

    /// The message that is safe to send to the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The request field at fault.
    pub fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// How long to wait before trying again, if that may help.
    pub fn delay(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Machine-readable facts for the caller; see [`with_details`](Self::with_details).
    pub fn details(&self) -> Option<&Map<String, Value>> {
        self.details.as_deref()
    }
}

fn strike(value: &mut Value, secret: &str, with: &str) {
    match value {
        Value::String(text) if text.contains(secret) => *text = text.replace(secret, with),
        Value::Array(values) => values.iter_mut().for_each(|value| strike(value, secret, with)),
        Value::Object(fields) => strike_fields(fields, secret, with),
        _ => {}
    }
}

fn strike_fields(fields: &mut Map<String, Value>, secret: &str, with: &str) {
    for (mut name, mut value) in std::mem::take(fields) {
        strike(&mut value, secret, with);
        if name.contains(secret) {
            name = name.replace(secret, with);
        }
        fields.insert(name, value);
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
