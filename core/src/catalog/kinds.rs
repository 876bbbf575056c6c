//! The kinds of single values that a catalog holds, and what is allowed in each.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::{Value as Json, json};

use super::{
    path::Path,
    problem::shortened,
    read::{Read, Reading, Word},
    shape::object,
    tree::{Kind, Node, Value},
};
use crate::{
    money::{NanoDollars, Price},
    ports::EmbeddedModel,
    settings::{self, Headers, Secret},
};

/// The longest name of a model, in bytes: it is kept in holds and receipts.
const MAX_MODEL: usize = 256;
/// The longest name of a provider or credential, in bytes.
const MAX_NAME: usize = 64;
/// Headers that the HTTP client sets.
const CLIENTS_OWN: [&str; 6] =
    ["connection", "content-length", "content-type", "host", "te", "transfer-encoding"];

/// The name of a provider or a credential.
#[derive(Default)]
pub(crate) struct Name(pub(crate) String);

impl Word for Name {
    fn parse(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let fits = text.len() <= MAX_NAME
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(allowed);
        fits.then(|| Self(text.to_owned())).ok_or_else(|| {
            format!("is not a name: letters, digits, `.`, `_` and `-`, at most {MAX_NAME}")
        })
    }

    fn pattern() -> Option<&'static str> {
        Some("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    }
}

/// The name of a model, as callers or providers write it.
#[derive(Clone, Default)]
pub(crate) struct ModelName(pub(crate) String);

impl Word for ModelName {
    fn parse(text: &str) -> Result<Self, String> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '*';
        if text.len() > MAX_MODEL || text.contains(odd) {
            return Err(format!(
                "is not a model's name: at most {MAX_MODEL} bytes, without spaces and `*`"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn pattern() -> Option<&'static str> {
        Some(r"^[^\s*]{1,256}$")
    }
}

/// Where a provider is.
#[derive(Default)]
pub(crate) struct BaseUrl(pub(crate) String);

impl Word for BaseUrl {
    // It may hold a password, which is what is wrong with it then.
    const OPEN: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri =
            text.parse().map_err(|_| "is not a URL such as https://api.openai.com/v1")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("must begin with http:// or https://".to_owned());
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(
                "may not hold a user name or password: use `credentials` or `headers`".into()
            );
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("may have neither a query nor a fragment".to_owned());
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err("has no host".to_owned());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    fn pattern() -> Option<&'static str> {
        Some(r"^https?://[^@?#\s]+$")
    }
}

/// Where a provider is: a URL, or a model in process.
#[derive(Default)]
pub(crate) struct ProviderPlace(pub(crate) String);

impl ProviderPlace {
    /// Whether it is a model in process.
    pub(super) fn is_in_process(&self) -> bool {
        self.0.starts_with(EmbeddedModel::SCHEME)
    }
}

impl Word for ProviderPlace {
    const OPEN: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        match EmbeddedModel::written(text) {
            Some(model) => Ok(Self(model.url())),
            None => BaseUrl::parse(text).map(|url| Self(url.0)),
        }
    }

    fn pattern() -> Option<&'static str> {
        Some(r"^(https?://[^@?#\s]+|embedded:[^/].*|embedded:/[^/].*)$")
    }
}

/// A text that is never shown.
#[derive(Default)]
pub(crate) struct Hidden(pub(crate) Option<Secret>);

impl Word for Hidden {
    const OPEN: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        HeaderValue::from_str(text)
            .map_err(|_| "cannot be sent in a header, which takes visible ASCII only: is there a line break?")?;
        Ok(Self(Some(Secret::new(text))))
    }
}

/// Headers by name.
#[derive(Default)]
pub(crate) struct HeaderFields(pub(crate) Headers);

impl Read for HeaderFields {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        let mut headers = HeaderMap::new();
        for (key, node) in reading.entries(node, path) {
            let path = path.field(&key.text);
            let text = reading.text(node, &path);
            let name = key.text.parse::<HeaderName>();
            match (&name, text.as_deref().map(HeaderValue::from_str)) {
                (Err(_), _) => reading.note(&path, "is not the name of a header"),
                (Ok(name), _) if CLIENTS_OWN.contains(&name.as_str()) => {
                    reading.note(&path, "is set by the gateway itself: leave it out");
                }
                (Ok(name), _) if headers.contains_key(name) => {
                    reading.note(&path, "is given a second time, in other letters");
                }
                (_, Some(Err(_))) => {
                    reading.note(&path, "has a value that cannot be sent in a header");
                }
                (Ok(name), Some(Ok(mut value))) => {
                    value.set_sensitive(true);
                    headers.insert(name.clone(), value);
                }
                (Ok(_), None) => {}
            }
        }
        let named = |(name, value): (Option<HeaderName>, HeaderValue)| name.map(|it| (it, value));
        Self(Headers(headers.into_iter().filter_map(named).collect()))
    }

    fn schema() -> Json {
        json!({ "type": "object", "additionalProperties": { "type": "string" } })
    }
}

/// A whole number of at least one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count(pub(crate) u32);

impl Read for Count {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        if let Value::Scalar(scalar) = &node.value
            && scalar.kind() == Kind::Whole
            && let Some(count) = scalar.text.parse().ok().filter(|count| *count > 0)
        {
            return Self(count);
        }
        reading.note(path, format!("must be a whole number from 1 to {}", u32::MAX));
        Self::default()
    }

    fn schema() -> Json {
        json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
    }
}

/// A number from nothing to `MOST`.
#[derive(Clone, Copy, Default)]
pub(crate) struct UpTo<const MOST: u8>(pub(crate) f64);

impl<const MOST: u8> Read for UpTo<MOST> {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        if let Value::Scalar(scalar) = &node.value
            && matches!(scalar.kind(), Kind::Whole | Kind::Number)
            && let Some(number) = scalar.text.parse::<f64>().ok()
            && (0.0..=f64::from(MOST)).contains(&number)
        {
            return Self(number);
        }
        reading.note(path, format!("must be a number from 0 to {MOST}"));
        Self::default()
    }

    fn schema() -> Json {
        json!({ "type": "number", "minimum": 0, "maximum": MOST })
    }
}

/// A text for people or models to read, as it is written: a dollar sign in it means nothing.
#[derive(Clone, Default)]
pub(crate) struct Prose(pub(crate) String);

impl Read for Prose {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        match &node.value {
            Value::Scalar(scalar) if scalar.kind() == Kind::Text => {
                // The line break at the end of a block is YAML's.
                let text = scalar.text.trim_end();
                if text.is_empty() {
                    reading.note(path, "is empty");
                }
                Self(text.to_owned())
            }
            // Says why it is none.
            _ => Self(reading.text(node, path).unwrap_or_default()),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// A share in percent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Share(pub(crate) u32);

impl Read for Share {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        if let Value::Scalar(scalar) = &node.value
            && scalar.kind() == Kind::Whole
            && let Some(share) = scalar.text.parse().ok().filter(|share| *share <= 100)
        {
            return Self(share);
        }
        reading.note(path, "must be a whole number from 0 to 100");
        Self::default()
    }

    fn schema() -> Json {
        json!({ "type": "integer", "minimum": 0, "maximum": 100 })
    }
}

/// A time of more than nothing.
#[derive(Default)]
pub(crate) struct Time(pub(crate) Duration);

impl Word for Time {
    fn parse(text: &str) -> Result<Self, String> {
        settings::duration(text).ok().filter(|time| !time.is_zero()).map(Self).ok_or_else(|| {
            "is not a time such as 500ms, 10s or 5m, of more than nothing".to_owned()
        })
    }

    fn pattern() -> Option<&'static str> {
        Some("^[0-9]*[1-9][0-9]*(ms|s|m|h|d)$")
    }
}

/// An amount of dollars: a number or a text, read digit by digit and never as a float.
#[derive(Clone, Copy, Default)]
pub(crate) struct Amount(pub(crate) NanoDollars);

impl Read for Amount {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        let (written, text) = match &node.value {
            Value::Scalar(scalar) if matches!(scalar.kind(), Kind::Whole | Kind::Number) => {
                (shortened(&scalar.text), scalar.text.clone())
            }
            Value::Scalar(scalar) => match reading.text(node, path) {
                Some(text) => (shortened(&scalar.text), text),
                None => return Self::default(),
            },
            Value::List(_) | Value::Map(_) => {
                reading.note(path, "must be an amount of dollars such as 1.25");
                return Self::default();
            }
        };
        if let Ok(amount) = text.parse() {
            return Self(amount);
        }
        let why = if text.starts_with('-') {
            format!("`{written}` is negative: a model that costs nothing costs 0")
        } else {
            format!(
                "`{written}` is not an amount of dollars such as 1.25, with at most nine decimals"
            )
        };
        reading.note(path, why);
        Self::default()
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "number", "minimum": 0 },
            { "type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,9})?$|\$\{" },
        ] })
    }
}

object! {
    /// Dollars per million tokens.
    Amounts {
        /// Input tokens.
        required input: Amount,
        /// Input tokens read from the provider's prompt cache. Unset, they cost what `input` costs.
        optional cached_input: Amount,
        /// Input tokens written to the provider's prompt cache. Unset, they cost what `input` costs.
        optional cache_write: Amount,
        /// Output tokens.
        required output: Amount,
        /// Output tokens spent on reasoning. Unset, they cost what `output` costs.
        optional reasoning: Amount,
    }
}

impl Amounts {
    pub(crate) fn price(&self) -> Price {
        Price {
            input: self.input.0,
            cached_input: self.cached_input.map(|amount| amount.0),
            cache_write: self.cache_write.map(|amount| amount.0),
            output: self.output.0,
            reasoning: self.reasoning.map(|amount| amount.0),
        }
    }
}
