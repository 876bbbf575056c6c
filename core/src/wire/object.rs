//! Writing JSON objects as text, field by field: a piece of an answer is not worth a tree.

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

/// Room for an event with a piece of an answer, in bytes.
const ROOM: usize = 384;

/// Writes one event of a stream, without a name.
pub(super) fn data(out: &mut BytesMut, fields: impl FnOnce(&mut Object<'_>)) {
    out.reserve(ROOM);
    out.extend_from_slice(b"data: ");
    // JSON on one line: there are no line breaks that would need a `data:` of their own.
    object(out, fields);
    out.extend_from_slice(b"\n\n");
}

/// Writes one event of a stream, whose type stands in its name and in its data.
pub(super) fn event(out: &mut BytesMut, kind: &'static str, fields: impl FnOnce(&mut Object<'_>)) {
    out.reserve(ROOM);
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\n");
    data(out, |object| {
        object.word("type", kind);
        fields(object);
    });
}

/// Writes an object.
pub(super) fn object(out: &mut BytesMut, fields: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"{");
    fields(&mut Object { out, begun: false });
    out.extend_from_slice(b"}");
}

/// Writes fields that stand in many objects, once.
pub(super) fn fields(fields: impl FnOnce(&mut Object<'_>)) -> Bytes {
    let mut out = BytesMut::new();
    fields(&mut Object { out: &mut out, begun: false });
    out.freeze()
}

/// An object in the making. Its fields are written in order, and each must be written once.
#[derive(Debug)]
pub(super) struct Object<'a> {
    out: &'a mut BytesMut,
    begun: bool,
}

impl Object<'_> {
    pub(super) fn text(&mut self, field: &'static str, value: &str) {
        text(self.field(field), value);
    }

    /// A text of our own, in which nothing is to be escaped.
    pub(super) fn word(&mut self, field: &'static str, value: &'static str) {
        let out = self.field(field);
        out.extend_from_slice(b"\"");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\"");
    }

    pub(super) fn number(&mut self, field: &'static str, value: impl Into<u64>) {
        number(self.field(field), value.into());
    }

    pub(super) fn null(&mut self, field: &'static str) {
        self.field(field).extend_from_slice(b"null");
    }

    pub(super) fn value(&mut self, field: &'static str, value: &Value) {
        self.field(field).extend_from_slice(value.to_string().as_bytes());
    }

    pub(super) fn object(&mut self, field: &'static str, fields: impl FnOnce(&mut Object<'_>)) {
        object(self.field(field), fields);
    }

    /// A list, whose items `items` writes with their commas.
    pub(super) fn list(&mut self, field: &'static str, items: impl FnOnce(&mut BytesMut)) {
        let out = self.field(field);
        out.extend_from_slice(b"[");
        items(out);
        out.extend_from_slice(b"]");
    }

    /// Fields that were written before, by [`fields`].
    pub(super) fn written(&mut self, fields: &[u8]) {
        if !fields.is_empty() {
            self.comma();
            self.out.extend_from_slice(fields);
        }
    }

    /// Those of `more` that are not among the fields that are `there`.
    pub(super) fn rest(&mut self, more: &Map<String, Value>, there: &[&str]) {
        for (field, value) in more {
            if !there.contains(&field.as_str()) {
                self.comma();
                text(self.out, field);
                self.out.extend_from_slice(b":");
                self.out.extend_from_slice(value.to_string().as_bytes());
            }
        }
    }

    fn field(&mut self, field: &'static str) -> &mut BytesMut {
        self.comma();
        self.out.extend_from_slice(b"\"");
        self.out.extend_from_slice(field.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    fn comma(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            self.out.extend_from_slice(b",");
        }
    }
}

/// Writes a text as `serde_json` does: it escapes what it must, and nothing else.
fn text(out: &mut BytesMut, text: &str) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.extend_from_slice(b"\"");
    let special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    while let Some(plain) = rest.iter().position(special) {
        let (plain, more) = rest.split_at(plain);
        out.extend_from_slice(plain);
        let Some((byte, more)) = more.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            byte => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        rest = more;
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\"");
}

fn number(out: &mut BytesMut, value: u64) {
    // The largest has twenty digits.
    let mut digits = [0; 20];
    let (mut rest, mut first) = (value, digits.len());
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = u8::try_from(rest % 10).map_or(b'0', |digit| b'0' + digit);
        (rest, first) = (rest / 10, place);
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(fields: impl FnOnce(&mut Object<'_>)) -> String {
        let mut out = BytesMut::new();
        object(&mut out, fields);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn what_is_written_is_what_a_tree_would_be_written_as() {
        let head = fields(|object| {
            object.word("type", "a");
            object.text("id", "\"");
        });
        let Value::Object(more) = json!({ "n": 7, "é\n": [1.5, null], "id": 1 }) else { panic!() };
        let written = written(|object| {
            object.written(&head);
            object.number("n", 0_u64);
            object.null("none");
            object.value("list", &json!([{ "a": true }]));
            object.object("empty", |_| {});
            object.list("items", |out| super::object(out, |one| one.text("a", "b")));
            object.rest(&more, &["n", "id"]);
            object.written(&fields(|_| {}));
        });
        let tree = json!({
            "type": "a", "id": "\"", "n": 0, "none": null, "list": [{ "a": true }], "empty": {},
            "items": [{ "a": "b" }], "é\n": [1.5, null],
        });
        assert_eq!(written, tree.to_string());
    }

    #[test]
    fn an_event_is_named_where_its_dialect_names_them() {
        let mut out = BytesMut::new();
        data(&mut out, |object| object.text("a", "b"));
        event(&mut out, "ping", |_| {});
        let sent = "data: {\"a\":\"b\"}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n";
        assert_eq!(out, sent);
    }

    #[test]
    fn every_character_is_escaped_as_serde_json_does() {
        let all: String = (0..0x3000).filter_map(char::from_u32).collect();
        let written = written(|object| object.text("all", &all));
        assert_eq!(written, json!({ "all": all }).to_string());
    }

    proptest! {
        #[test]
        fn texts_and_numbers_are_written_as_serde_json_does(text in any::<String>(), number: u64) {
            let written = written(|object| {
                object.text("text", &text);
                object.number("number", number);
            });
            prop_assert_eq!(written, json!({ "text": text, "number": number }).to_string());
        }
    }
}
