//! What the types of plain frames are made of: parts of a frame that are read without building a tree.
//!
//! Such a type takes only what it names, once each (`deny_unknown_fields`). Whatever else a frame holds, it
//! is read as a tree, so that nothing depends on what is usual.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// A text, borrowed where nothing in it is escaped; serde would copy a bare `Cow` inside an `Option`.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A value that does not matter. Unlike serde's `IgnoredAny` it refuses whatever a tree would refuse: half
/// a surrogate pair, a number beyond all bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Skipped {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_skipped_is_what_a_tree_can_be_built_of() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for json in [
            r#"{"a":[1,-1,1.5,true,null,"\u00e9\ud83d\ude00",{"a":{},"a":[]}]}"#,
            r#""\ud800""#,
            r#"{"\ud800":1}"#,
            "1e999",
            "[1,]",
            "\"\n\"",
            "tru",
            &deep,
        ] {
            let tree = serde_json::from_str::<Value>(json).is_ok();
            assert_eq!(serde_json::from_str::<Skipped>(json).is_ok(), tree, "{json}");
        }
    }

    #[test]
    fn a_text_is_copied_only_where_it_is_escaped() {
        let read = |json| serde_json::from_str::<Text<'_>>(json).unwrap().0;
        assert!(matches!(read(r#""plain é""#), Cow::Borrowed("plain é")));
        assert!(matches!(read(r#""\"""#), Cow::Owned(text) if text == "\""));
    }
}
