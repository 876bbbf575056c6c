//! An answer held against the schema that the caller asked for.

use serde_json::Value;

use crate::tools::schema;

/// What is wrong with an answer that is to be JSON as `schema` says, for its model to read.
pub(super) fn flaw(wanted: &Value, text: &str) -> Option<String> {
    let value: Value = match serde_json::from_str(bare(text)) {
        Ok(value) => value,
        Err(error) => return Some(format!("it is not JSON: {error}")),
    };
    let schema::Flaw { path, why } = schema::check(wanted, &value).err()?;
    Some(if path.is_empty() { format!("it {why}") } else { format!("`{path}` {why}") })
}

/// The text itself, or what is in the block that it consists of: models put JSON into blocks, and callers want
/// to read it.
pub(super) fn bare(text: &str) -> &str {
    let text = text.trim();
    let inside = || {
        let (first, rest) = text.strip_prefix("```")?.split_once('\n')?;
        let is_json = matches!(first.trim(), "" | "json" | "JSON");
        let inside = rest.trim_end().strip_suffix("```").filter(|_| is_json)?;
        (!inside.contains("```")).then(|| inside.trim())
    };
    inside().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let wanted = json!({
            "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"],
        });
        assert_eq!(flaw(&wanted, r#"{"n": 3}"#), None);
        assert_eq!(flaw(&wanted, "```json\n{\"n\": 3}\n```"), None);
        for (text, said) in [
            (r#"{"n": "3"}"#, "`n` "),
            ("{}", "`n` is missing"),
            ("[]", "it "),
            ("n = 3", "it is not JSON"),
        ] {
            let flaw = flaw(&wanted, text).unwrap();
            assert!(flaw.starts_with(said), "{flaw}");
        }
    }

    #[test]
    fn json_is_taken_out_of_the_block_that_is_the_whole_answer() {
        assert_eq!(bare(" ```\n{}\n``` "), "{}");
        for text in
            ["{}", "So: ```\n{}\n```", "```python\n{}\n```", "```\n{}\n```\n```\n[]\n```", "```"]
        {
            assert_eq!(bare(text), text);
        }
    }
}
