//! `current_time`: what models cannot know by themselves.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Context, Output, Tool, define};
use crate::{
    chat,
    ports::{Host, Timestamp},
};

/// Minutes in a day.
const DAY: i64 = 1440;

/// Tells the time.
#[derive(Debug)]
pub struct CurrentTime {
    definition: chat::Tool,
    host: Arc<dyn Host>,
}

impl CurrentTime {
    /// By the clock of `host`.
    pub fn new(host: Arc<dyn Host>) -> Self {
        let schema = json!({
            "type": "object",
            "properties": {
                "offset": {
                    "type": "string",
                    "description": "An offset from UTC such as +02:00 or -05:30. Default: UTC.",
                },
            },
            "additionalProperties": false,
        });
        let about = "Returns the current date, time and weekday, in UTC or at an offset from it.";
        Self { definition: define("current_time", about, schema), host }
    }
}

#[async_trait]
impl Tool for CurrentTime {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, input: Map<String, Value>, _: &Context) -> Output {
        let written = input.get("offset").and_then(Value::as_str).unwrap_or("Z");
        let Some(offset) = minutes(written) else {
            return Output::failed("`offset` must be an offset from UTC such as +02:00 or -05:30");
        };
        let now = self.host.now();
        let there = Timestamp(now.0.saturating_add_signed(offset * 60_000));
        let text = json!({
            "time": there.rfc3339().replace('Z', &written_offset(offset)),
            "weekday": there.weekday(),
            "unix_seconds": now.0 / 1000,
        });
        Output::text(text.to_string())
    }
}

/// An offset from UTC in minutes: `Z`, `UTC`, `+02:00`, `+0200`, `-5`.
fn minutes(text: &str) -> Option<i64> {
    let text = text.trim();
    let text = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")).unwrap_or(text);
    if text.is_empty() || text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match (rest.split_once(':'), rest.len()) {
        (Some(parts), _) => parts,
        (None, 4) => rest.split_at_checked(2)?,
        (None, _) => (rest, "0"),
    };
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    let (hours, minutes): (i64, i64) = (digits(hours)?, digits(minutes)?);
    let offset = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && offset < DAY).then_some(sign * offset)
}

fn written_offset(minutes: i64) -> String {
    let (sign, size) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
    if minutes == 0 { "Z".to_owned() } else { format!("{sign}{:02}:{:02}", size / 60, size % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_as_people_write_them() {
        for (written, offset) in [
            ("Z", Some(0)),
            ("UTC", Some(0)),
            ("+02:00", Some(120)),
            ("-0530", Some(-330)),
            ("UTC+1", Some(60)),
            ("+24:00", None),
            ("+1:60", None),
            ("+9999999999999999999", None),
            ("2", None),
            ("+é", None),
            ("", Some(0)),
        ] {
            assert_eq!(minutes(written), offset, "{written}");
        }
    }
}
