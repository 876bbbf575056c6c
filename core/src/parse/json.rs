//! JSON as small models write it (RFC 8259, and what it is clear they meant).
//!
//! Mended are: commas too many or missing brackets at the end, single quotes, line breaks in texts, keys
//! without quotes, and Python's `True`, `False` and `None`. Nothing else is guessed.

use serde_json::{Map, Number, Value};

/// How deep values may lie in each other.
const MAX_DEPTH: usize = 64;

/// Reads one value, with nothing but white space around it.
pub(super) fn read(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.white();
    reader.rest.is_empty().then_some(value)
}

/// Reads Python calls: `[name(key=value, …), …]`, or one without the list.
pub(super) fn read_calls(text: &str) -> Option<Vec<(String, Map<String, Value>)>> {
    let mut reader = Reader { rest: text.trim() };
    let listed = reader.take('[');
    let mut calls = Vec::new();
    loop {
        reader.white();
        if listed && reader.take(']') {
            break;
        }
        calls.push(reader.call()?);
        reader.white();
        if !listed && !reader.take(';') {
            break;
        }
        if listed && !reader.take(',') && !reader.rest.starts_with(']') {
            return None;
        }
        if reader.rest.is_empty() {
            break;
        }
    }
    reader.white();
    (reader.rest.is_empty() && !calls.is_empty()).then_some(calls)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn white(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.white();
        if depth > MAX_DEPTH {
            return None;
        }
        match self.rest.chars().next()? {
            '{' => self.object(depth),
            '[' => self.array(depth),
            quote @ ('"' | '\'') => self.text(quote).map(Value::String),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.take('{');
        let mut fields = Map::new();
        while self.goes_on('}') {
            let key = match self.rest.chars().next()? {
                quote @ ('"' | '\'') => self.text(quote)?,
                _ => self.bare()?.to_owned(),
            };
            self.white();
            if !self.take(':') {
                return None;
            }
            fields.insert(key, self.value(depth + 1)?);
            self.separated('}')?;
        }
        Some(fields.into())
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.take('[');
        let mut items = Vec::new();
        while self.goes_on(']') {
            items.push(self.value(depth + 1)?);
            self.separated(']')?;
        }
        Some(items.into())
    }

    /// Whether another item follows. A closing bracket may be missing where the text ends.
    fn goes_on(&mut self, close: char) -> bool {
        self.white();
        !self.rest.is_empty() && !self.take(close)
    }

    /// After an item comes a comma, or the end.
    fn separated(&mut self, close: char) -> Option<()> {
        self.white();
        (self.take(',') || self.rest.is_empty() || self.rest.starts_with(close)).then_some(())
    }

    fn text(&mut self, quote: char) -> Option<String> {
        self.take(quote);
        let mut text = String::new();
        loop {
            let mut chars = self.rest.chars();
            let c = chars.next()?;
            self.rest = chars.as_str();
            match c {
                _ if c == quote => return Some(text),
                '\\' => text.push(self.escape()?),
                _ => text.push(c),
            }
        }
    }

    /// What follows a backslash. One before anything that needs none is left out.
    fn escape(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(match c {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode(),
            _ => c,
        })
    }

    fn unicode(&mut self) -> Option<char> {
        let high = self.hex()?;
        if let Some(c) = char::from_u32(high) {
            return Some(c);
        }
        let before = self.rest;
        self.rest = self.rest.strip_prefix("\\u").unwrap_or(self.rest);
        let low = self.hex().filter(|low| (0xdc00..0xe000).contains(low));
        let Some(low) = low.filter(|_| (0xd800..0xdc00).contains(&high)) else {
            self.rest = before;
            return Some(char::REPLACEMENT_CHARACTER);
        };
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
    }

    fn hex(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        self.rest = rest;
        Some(number)
    }

    /// A word or a number without quotes.
    fn bare(&mut self) -> Option<&'a str> {
        let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.');
        let rest = self.rest.trim_start_matches(part);
        let word = self.rest.strip_suffix(rest).filter(|word| !word.is_empty())?;
        self.rest = rest;
        Some(word)
    }

    fn word(&mut self) -> Option<Value> {
        match self.bare()? {
            "true" | "True" => Some(Value::Bool(true)),
            "false" | "False" => Some(Value::Bool(false)),
            "null" | "None" => Some(Value::Null),
            number => number.parse::<Number>().ok().map(Value::Number),
        }
    }

    fn call(&mut self) -> Option<(String, Map<String, Value>)> {
        let name = self.bare()?.to_owned();
        if !self.take('(') {
            return None;
        }
        let mut arguments = Map::new();
        while self.goes_on(')') {
            let key = self.bare()?.to_owned();
            self.white();
            if !self.take('=') {
                return None;
            }
            arguments.insert(key, self.value(1)?);
            self.separated(')')?;
        }
        Some((name, arguments))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{read, read_calls};

    #[test]
    fn json_is_read_as_it_is() {
        assert_eq!(read(r#" {"a": [1, 2.5, "x\n"]} "#), Some(json!({"a": [1, 2.5, "x\n"]})));
        assert_eq!(read("nonsense"), None);
        assert_eq!(read(r#"{"a": 1} b"#), None);
    }

    #[test]
    fn what_is_clearly_meant_is_mended() {
        assert_eq!(read(r#"{"a": 1, "b": [1, 2,],}"#), Some(json!({"a": 1, "b": [1, 2]})));
        assert_eq!(read("{'a': 'it is', 'b': True}"), Some(json!({"a": "it is", "b": true})));
        assert_eq!(read("{\"a\": \"x\ny\"}"), Some(json!({"a": "x\ny"})));
        assert_eq!(read(r#"{"a": {"b": [1"#), Some(json!({"a": {"b": [1]}})));
        assert_eq!(read("{a: None, b: False}"), Some(json!({"a": null, "b": false})));
        assert_eq!(read(r#"{"a": "\ud83d\ude00\ud83d",}"#), Some(json!({"a": "😀\u{fffd}"})));
    }

    #[test]
    fn what_is_not_clear_is_not_guessed() {
        assert_eq!(read(r#"{"a": "cut"#), None);
        assert_eq!(read(r#"{"a": "say "hi""}"#), None);
        assert_eq!(read(r#"{"a": tru}"#), None);
        assert_eq!(read(&format!("{}1", "[".repeat(100))), None);
    }

    #[test]
    fn python_calls_are_read() {
        let calls = read_calls(r#"[one(a="x", b=[1, True]), two()]"#).unwrap();
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0].0, "one");
        assert_eq!(json!(calls[0].1), json!({"a": "x", "b": [1, true]}));
        assert_eq!(read_calls("one(a=1)").unwrap().len(), 1);
        assert_eq!(read_calls("[1, 2]"), None);
        assert_eq!(read_calls("one(1)"), None);
    }
}
