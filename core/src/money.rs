//! Money is counted, never rounded: integer nano-dollars, and what a model costs in them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chat::Usage;

/// Billionths of a US dollar. The largest amount is about 9.2 billion dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoDollars(pub i64);

impl NanoDollars {
    const PER_DOLLAR: i64 = 1_000_000_000;

    /// The sum, capped at the largest amount.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left after `other`, negative if that is more.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for NanoDollars {
    /// Dollars with nine decimals: `0.000001500`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (dollars, rest) = (self.0.abs() / Self::PER_DOLLAR, self.0.abs() % Self::PER_DOLLAR);
        write!(f, "{sign}{dollars}.{rest:09}")
    }
}

impl FromStr for NanoDollars {
    type Err = String;

    /// Reads a non-negative decimal number of dollars with at most nine decimals.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an amount of dollars such as 1.25");
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
            return Err(wrong());
        }
        let nanos: i64 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
        let dollars: i64 = whole.parse().map_err(|_| wrong())?;
        dollars
            .checked_mul(Self::PER_DOLLAR)
            .and_then(|amount| amount.checked_add(nanos))
            .map(Self)
            .ok_or_else(wrong)
    }
}

/// An amount of dollars in JSON: a string or a number, read digit by digit and never as a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Box<RawValue>")]
pub struct Dollars(pub NanoDollars);

impl TryFrom<Box<RawValue>> for Dollars {
    type Error = String;

    fn try_from(raw: Box<RawValue>) -> Result<Self, String> {
        raw.get().trim_matches('"').parse().map(Self)
    }
}

/// What a model costs, per million tokens of each kind.
///
/// A kind that is not given costs what `input` or `output` costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Input tokens that were neither read from nor written to a cache.
    pub input: NanoDollars,
    /// Input tokens read from the provider's prompt cache.
    pub cached_input: Option<NanoDollars>,
    /// Input tokens written to the provider's prompt cache.
    pub cache_write: Option<NanoDollars>,
    /// Output tokens, reasoning excepted.
    pub output: NanoDollars,
    /// Output tokens spent on reasoning.
    pub reasoning: Option<NanoDollars>,
}

impl Price {
    /// What `usage` costs, rounded up once to a whole nano-dollar.
    pub fn of(&self, usage: &Usage) -> NanoDollars {
        let fresh =
            usage.input.saturating_sub(usage.cached_input).saturating_sub(usage.cache_write);
        let spoken = usage.output.saturating_sub(usage.reasoning);
        let cost = |tokens: u64, price: NanoDollars| i128::from(tokens) * i128::from(price.0);
        let per_million = cost(fresh, self.input)
            + cost(usage.cached_input, self.cached_input.unwrap_or(self.input))
            + cost(usage.cache_write, self.cache_write.unwrap_or(self.input))
            + cost(spoken, self.output)
            + cost(usage.reasoning, self.reasoning.unwrap_or(self.output));
        NanoDollars(i64::try_from((per_million + 999_999) / 1_000_000).unwrap_or(i64::MAX))
    }

    /// The most that `input` input and `output` output tokens can cost, whatever kind they turn out
    /// to be.
    pub fn at_most(&self, input: u64, output: u64) -> NanoDollars {
        let dearest = |base: NanoDollars, others: &[Option<NanoDollars>]| {
            others.iter().flatten().copied().fold(base, NanoDollars::max)
        };
        let dearest = Self {
            input: dearest(self.input, &[self.cached_input, self.cache_write]),
            output: dearest(self.output, &[self.reasoning]),
            ..Self::default()
        };
        dearest.of(&Usage { input, output, ..Usage::default() })
    }
}
