//! The kinds of values that a tenant's configuration has, and how they are written in JSON and YAML.

use std::time::Duration;

use serde_json::Value as Json;

use crate::{
    agent::Mode,
    settings::{self, Size},
    tools::Allowed,
};

/// The longest name of a model, in bytes.
const MAX_MODEL_BYTES: usize = 256;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The name of a model: a text of at most 256 bytes, without spaces.
    Model,
    /// A whole number.
    Count,
    /// A time such as `"500ms"`, `"10s"`, `"5m"` or `"90d"`.
    Time,
    /// Whose hands act: `emulate` or `loop`.
    Mode,
    /// A share in percent: a whole number from 0 to 100.
    Percent,
    /// A list of patterns of tools: `["*", "!web_*"]`.
    Tools,
}

/// A whole number of at least `LEAST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtLeast<const LEAST: u32>(pub u32);

/// A share, from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(pub u32);

/// A value of a key.
pub(super) trait Value: Sized {
    const KIND: Kind;

    /// Reads it; an error completes the sentence that begins with the key's name.
    fn read(json: &Json) -> Result<Self, String>;

    /// How it is shown; `null` where there is none.
    fn show(&self) -> Json;
}

impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;

    fn read(json: &Json) -> Result<Self, String> {
        T::read(json).map(Some)
    }

    fn show(&self) -> Json {
        self.as_ref().map_or(Json::Null, T::show)
    }
}

impl Value for String {
    const KIND: Kind = Kind::Model;

    fn read(json: &Json) -> Result<Self, String> {
        let odd = |c: char| c.is_whitespace() || c.is_control();
        let fits =
            |text: &&str| !text.is_empty() && text.len() <= MAX_MODEL_BYTES && !text.contains(odd);
        let wanted =
            || format!("must be a model's name: 1 to {MAX_MODEL_BYTES} bytes without spaces");
        json.as_str().filter(fits).map(str::to_owned).ok_or_else(wanted)
    }

    fn show(&self) -> Json {
        self.as_str().into()
    }
}

impl Value for u32 {
    const KIND: Kind = Kind::Count;

    fn read(json: &Json) -> Result<Self, String> {
        within(json, 1, Self::MAX)
    }

    fn show(&self) -> Json {
        (*self).into()
    }
}

impl<const LEAST: u32> Value for AtLeast<LEAST> {
    const KIND: Kind = Kind::Count;

    fn read(json: &Json) -> Result<Self, String> {
        within(json, LEAST, u32::MAX).map(Self)
    }

    fn show(&self) -> Json {
        self.0.into()
    }
}

impl Value for Percent {
    const KIND: Kind = Kind::Percent;

    fn read(json: &Json) -> Result<Self, String> {
        within(json, 0, 100).map(Self)
    }

    fn show(&self) -> Json {
        self.0.into()
    }
}

fn within(json: &Json, least: u32, most: u32) -> Result<u32, String> {
    let number = json.as_u64().and_then(|number| u32::try_from(number).ok());
    let wanted = || format!("must be a whole number from {least} to {most}");
    number.filter(|number| (least..=most).contains(number)).ok_or_else(wanted)
}

impl Value for Mode {
    const KIND: Kind = Kind::Mode;

    fn read(json: &Json) -> Result<Self, String> {
        Self::parse(json.as_str().unwrap_or_default())
    }

    fn show(&self) -> Json {
        self.as_str().into()
    }
}

impl Value for Duration {
    const KIND: Kind = Kind::Time;

    fn read(json: &Json) -> Result<Self, String> {
        let wanted = || "must be a time such as \"500ms\", \"10s\", \"5m\" or \"90d\"".to_owned();
        json.as_str().and_then(|text| settings::duration(text).ok()).ok_or_else(wanted)
    }

    /// In the largest unit that divides it.
    fn show(&self) -> Json {
        const UNITS: [(u128, &str); 4] =
            [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        let time = self.as_millis();
        let whole = UNITS.iter().find(|(unit, _)| time > 0 && time.is_multiple_of(*unit));
        let (unit, name) = whole.copied().unwrap_or((1, "ms"));
        format!("{}{name}", time / unit).into()
    }
}

impl Value for Size {
    const KIND: Kind = Kind::Count;

    fn read(json: &Json) -> Result<Self, String> {
        let size = json.as_u64().and_then(|size| usize::try_from(size).ok());
        size.map(Self).ok_or_else(|| "must be a number of bytes".to_owned())
    }

    fn show(&self) -> Json {
        self.0.into()
    }
}

impl Value for Allowed {
    const KIND: Kind = Kind::Tools;

    fn read(json: &Json) -> Result<Self, String> {
        let patterns: Option<Vec<&str>> =
            json.as_array().and_then(|list| list.iter().map(Json::as_str).collect());
        let wanted = || "must be a list of patterns such as [\"*\", \"!web_*\"]".to_owned();
        Self::parse(patterns.ok_or_else(wanted)?)
    }

    fn show(&self) -> Json {
        self.patterns().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_shown_can_be_read() {
        for (milliseconds, shown) in [
            (0, "0ms"),
            (1, "1ms"),
            (1500, "1500ms"),
            (90_000, "90s"),
            (60_000, "1m"),
            (7_200_000, "2h"),
            (172_800_000, "2d"),
        ] {
            let time = Duration::from_millis(milliseconds);
            assert_eq!(time.show(), shown);
            assert_eq!(Duration::read(&time.show()), Ok(time));
        }
    }
}
