//! The kinds of values that settings have, and how they are written.

use std::{collections::BTreeMap, fmt, time::Duration};

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::{
    agent::Mode,
    catalog::{Api, AuthStyle},
    money::{Dollars, Price},
    tools::Allowed,
};

/// The longest duration that can be set: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Something that can be read from the text of a setting. `None` is a setting that is not given.
pub(super) trait Value: Sized {
    fn parse(text: Option<&str>) -> Result<Self, String>;

    /// What of a given text counts.
    fn trimmed(text: &str) -> &str {
        text.trim()
    }
}

/// A number of bytes, written `512`, `64KB`, `32MB` or `1GB` (powers of 1024). Where addresses are shorter than what
/// is written (a component has 4 GB of them), it is as much as they reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub usize);

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being printed.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, for the one place that must send or compare it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Headers to send along. `Debug` shows names only: values may be credentials.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(HeaderName, HeaderValue)>);

/// The shortest header value that is taken for a secret; `true` or `v1` are none.
const SHORTEST_SECRET: usize = 8;

impl Headers {
    /// The values that may be secrets.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let texts = self.0.iter().filter_map(|(_, value)| value.to_str().ok());
        texts.filter(|text| text.len() >= SHORTEST_SECRET).map(str::to_owned).collect()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What models cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(BTreeMap<String, Price>);

impl Prices {
    /// What `model` costs: its own price, else that of `*`, else nothing.
    pub fn of(&self, model: &str) -> Option<Price> {
        self.0.get(model).or_else(|| self.0.get("*")).copied()
    }
}

impl Value for String {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        text.map(str::to_owned).ok_or_else(|| "a value is required".to_owned())
    }
}

impl Value for Mode {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        Self::parse(text.unwrap_or_default())
    }
}

impl<T: Value> Value for Option<T> {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        text.map(|text| T::parse(Some(text))).transpose()
    }

    fn trimmed(text: &str) -> &str {
        T::trimmed(text)
    }
}

impl Value for Secret {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        String::parse(text).map(Self)
    }
}

impl Value for u32 {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = String::parse(text)?;
        text.parse().map_err(|_| format!("`{text}` is not a whole number"))
    }
}

impl Value for Size {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = String::parse(text)?;
        let (number, unit) = split_unit(&text);
        let factor: u64 = match unit {
            "" | "B" => 1,
            "KB" => 1 << 10,
            "MB" => 1 << 20,
            "GB" => 1 << 30,
            _ => return Err(format!("`{text}` is not a size such as 512, 64KB or 32MB")),
        };
        let size = number.parse().ok().and_then(|number: u64| number.checked_mul(factor));
        let size = size.map(|size| Self(usize::try_from(size).unwrap_or(usize::MAX)));
        size.ok_or_else(|| format!("`{text}` is not a size such as 512, 64KB or 32MB"))
    }
}

impl Value for Duration {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = String::parse(text)?;
        let (number, unit) = split_unit(&text);
        let milliseconds: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => {
                return Err(format!(
                    "`{text}` is not a duration of at most 100 years, such as 500ms, 10s, 5m or 90d"
                ));
            }
        };
        let time = number.parse().ok().and_then(|number: u64| number.checked_mul(milliseconds));
        time.map(Self::from_millis).filter(|time| *time <= LONGEST).ok_or_else(|| {
            format!(
                "`{text}` is not a duration of at most 100 years, such as 500ms, 10s, 5m or 90d"
            )
        })
    }
}

impl Value for bool {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        match String::parse(text)?.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("`{other}` is neither true nor false")),
        }
    }
}

impl Value for Api {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        word(text, Self::ALL, Self::as_str)
    }
}

impl Value for AuthStyle {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        word(text, Self::ALL, Self::as_str)
    }
}

impl Value for Allowed {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        Self::parse(String::parse(text)?.split(',').map(str::trim).filter(|it| !it.is_empty()))
    }
}

fn word<T: Copy>(text: Option<&str>, all: &[T], word: fn(T) -> &'static str) -> Result<T, String> {
    let text = String::parse(text)?;
    let found = all.iter().copied().find(|it| word(*it) == text);
    found.ok_or_else(|| {
        let words: Vec<&str> = all.iter().copied().map(word).collect();
        format!("`{text}` is not one of {}", words.join(", "))
    })
}

impl Value for LogFormat {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        match String::parse(text)?.as_str() {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("`{other}` is not one of auto, text, json")),
        }
    }
}

impl Value for Headers {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        let pairs: BTreeMap<String, String> = json(text)?;
        let header = |(name, value): (String, String)| {
            let parsed = name.parse().ok().zip(value.parse().ok());
            parsed.ok_or_else(|| format!("`{name}` is not a header, or its value is not allowed"))
        };
        pairs.into_iter().map(header).collect::<Result<_, _>>().map(Self)
    }
}

impl Value for Prices {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Entry {
            input: Dollars,
            cached_input: Option<Dollars>,
            cache_write: Option<Dollars>,
            output: Dollars,
            reasoning: Option<Dollars>,
        }
        let prices: BTreeMap<String, Entry> = json(text)?;
        let price = |(model, entry): (String, Entry)| {
            let price = Price {
                input: entry.input.0,
                cached_input: entry.cached_input.map(|dollars| dollars.0),
                cache_write: entry.cache_write.map(|dollars| dollars.0),
                output: entry.output.0,
                reasoning: entry.reasoning.map(|dollars| dollars.0),
            };
            (model, price)
        };
        Ok(Self(prices.into_iter().map(price).collect()))
    }
}

pub(super) fn json<T: for<'de> Deserialize<'de>>(text: Option<&str>) -> Result<T, String> {
    serde_json::from_str(&String::parse(text)?).map_err(|error| error.to_string())
}

fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::NanoDollars;

    #[test]
    fn prices_are_read_digit_by_digit() {
        let prices = Prices::parse(Some(
            r#"{"m": {"input": 0.1, "output": "0.3"}, "*": {"input": "2", "output": "4.000000001"}}"#,
        ))
        .unwrap();
        assert_eq!(prices.of("m").unwrap().input, NanoDollars(100_000_000));
        assert_eq!(prices.of("other").unwrap().output, NanoDollars(4_000_000_001));
    }

    #[test]
    fn durations_and_sizes_need_no_guessing() {
        assert_eq!(Duration::parse(Some("90d")).unwrap(), Duration::from_secs(90 * 86_400));
        assert_eq!(Duration::parse(Some("500ms")).unwrap(), Duration::from_millis(500));
        assert_eq!(Size::parse(Some("64KB")).unwrap(), Size(65_536));
        assert!(Duration::parse(Some("5")).is_err());
        assert!(Size::parse(Some("99999999999GB")).is_err());
    }
}
