//! URLs with fields of the input in them.

use http::Uri;
use serde_json::{Map, Value};

/// The longest URL, in bytes.
const MAX_URL: usize = 4096;
/// The longest name of a field, in bytes.
const MAX_FIELD: usize = 64;
/// The most fields of a URL.
const MAX_FIELDS: usize = 32;

/// A URL in which `{field}` stands for a field of the input. Never in the host: where a call goes is not for
/// the input to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate {
    /// As it is written.
    text: String,
    /// Texts, each with the field that follows it; then the text at the end.
    pieces: Vec<(String, String)>,
    end: String,
}

impl UrlTemplate {
    /// Reads a template. An error completes the sentence that begins with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_URL {
            return Err(format!("is longer than {MAX_URL} bytes"));
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (field, behind) = after.split_once('}').ok_or("has a `{` without its `}`")?;
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if field.is_empty() || field.len() > MAX_FIELD || !field.chars().all(fits) {
                return Err(format!(
                    "has `{{{field}}}`, which names no field: letters, digits, `_` and `-`"
                ));
            }
            if pieces.len() == MAX_FIELDS {
                return Err(format!("has more than {MAX_FIELDS} fields"));
            }
            pieces.push((before.to_owned(), field.to_owned()));
            rest = behind;
        }
        if rest.contains('}') || pieces.iter().any(|(before, _)| before.contains('}')) {
            return Err("has a `}` without its `{`".to_owned());
        }
        let template = Self { text: text.to_owned(), pieces, end: rest.to_owned() };
        template.check()?;
        Ok(template)
    }

    fn check(&self) -> Result<(), String> {
        let beginning = self.pieces.first().map_or(&self.end, |(before, _)| before);
        let after_scheme =
            beginning.strip_prefix("https://").or_else(|| beginning.strip_prefix("http://"));
        let after_scheme = after_scheme.ok_or("must begin with http:// or https://")?;
        if !self.pieces.is_empty() && !after_scheme.contains(['/', '?']) {
            return Err(
                "has a field in its host: where a call goes may not depend on the input".into()
            );
        }
        let filled: String = self.pieces.iter().map(|(before, _)| format!("{before}x")).collect();
        let uri: Uri = format!("{filled}{}", self.end)
            .parse()
            .map_err(|_| "is no URL such as https://api.example.com/v1/{id}")?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("may not hold a user name or password: use `headers`".to_owned());
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err("has no host".to_owned());
        }
        Ok(())
    }

    /// The fields that stand in it.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().map(|(_, field)| field.as_str())
    }

    /// The URL for an input, out of which its fields are taken.
    pub(super) fn filled(&self, input: &mut Map<String, Value>) -> Result<String, String> {
        let mut url = String::new();
        for (before, field) in &self.pieces {
            let value = input.get(field).ok_or_else(|| format!("`{field}` is missing"))?;
            let value = encoded(&written(value));
            // `..` would lead to another path, and nothing at all to that of the folder.
            if value.is_empty() || value == "." || value == ".." {
                return Err(format!("`{field}` cannot stand in the URL"));
            }
            url.push_str(before);
            url.push_str(&value);
        }
        url.push_str(&self.end);
        for field in self.fields() {
            input.shift_remove(field);
        }
        Ok(url)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A value as it stands in a URL, before it is encoded.
pub(super) fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// All but unreserved characters (RFC 3986 §2.3) percent-encoded.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_that_would_lead_astray_are_refused() {
        for (text, why) in [
            ("https://{host}/x", "in its host"),
            ("https://api.{zone}.example.com/x", "in its host"),
            ("{url}", "must begin with"),
            ("ftp://example.com", "must begin with"),
            ("https://example.com/{a", "without its `}`"),
            ("https://example.com/a}", "without its `{`"),
            ("https://example.com/{a b}", "names no field"),
            ("https://user:word@example.com/{a}", "user name"),
            ("https:///x", "no URL"),
        ] {
            let said = UrlTemplate::parse(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn a_field_is_one_piece_of_a_path() {
        let template = UrlTemplate::parse("https://example.com/users/{id}/x?q={q}").unwrap();
        let mut input =
            json!({ "id": "a/../b c", "q": 5, "rest": true }).as_object().unwrap().clone();
        let url = template.filled(&mut input).unwrap();
        assert_eq!(url, "https://example.com/users/a%2F..%2Fb%20c/x?q=5");
        assert_eq!(Value::Object(input), json!({ "rest": true }));
        let mut input = json!({ "id": "..", "q": 5 }).as_object().unwrap().clone();
        assert!(template.filled(&mut input).is_err());
    }

    proptest! {
        #[test]
        fn no_value_changes_where_a_call_goes(value in "\\PC{1,40}") {
            let template = UrlTemplate::parse("https://example.com/a/{id}/b").unwrap();
            let mut input = json!({ "id": value }).as_object().unwrap().clone();
            if let Ok(url) = template.filled(&mut input) {
                let uri: Uri = url.parse().unwrap();
                prop_assert_eq!(uri.host(), Some("example.com"));
                prop_assert_eq!(uri.path().split('/').count(), 4);
                prop_assert_eq!(uri.query(), None);
            }
        }
    }
}
