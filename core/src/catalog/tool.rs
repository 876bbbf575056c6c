//! What a catalog says of tools: HTTP services that the gateway calls for models.

use http::Method;
use serde_json::{Map, Number, Value as Json, json};

use super::{
    path::Path,
    read::{Read, Reading, Word},
    tree::{Kind, Node, Scalar, Value},
};
use crate::tools::{METHODS, UrlTemplate, is_tool_name};

/// The longest description, in bytes.
const MAX_ABOUT: usize = 4096;

/// The name of a tool.
#[derive(Default)]
pub(super) struct ToolName(pub(super) String);

impl Word for ToolName {
    fn parse(text: &str) -> Result<Self, String> {
        is_tool_name(text).then(|| Self(text.to_owned())).ok_or_else(|| {
            "is not the name of a tool: 1 to 64 letters, digits, `_` and `-`".to_owned()
        })
    }

    fn pattern() -> Option<&'static str> {
        Some("^[A-Za-z0-9_-]{1,64}$")
    }
}

/// What a tool does, for models to read.
#[derive(Default)]
pub(super) struct About(pub(super) String);

impl Word for About {
    fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_ABOUT {
            return Err(format!("is longer than {MAX_ABOUT} bytes"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Where a tool is called.
#[derive(Default)]
pub(super) struct ToolUrl(pub(super) Option<UrlTemplate>);

impl Word for ToolUrl {
    // It may hold a key.
    const OPEN: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        UrlTemplate::parse(text).map(|template| Self(Some(template)))
    }

    fn pattern() -> Option<&'static str> {
        Some(r"^https?://\S+$")
    }
}

/// How a tool is called.
#[derive(Default)]
pub(super) struct ToolMethod(pub(super) Method);

impl Word for ToolMethod {
    fn parse(text: &str) -> Result<Self, String> {
        let found = METHODS.into_iter().find(|method| method.as_str() == text);
        found.map(Self).ok_or_else(|| {
            let known: Vec<_> = METHODS.iter().map(Method::as_str).collect();
            format!("is not one of {}", known.join(", "))
        })
    }

    fn pattern() -> Option<&'static str> {
        Some("^(GET|POST|PUT|PATCH|DELETE)$")
    }
}

/// A JSON Schema of an object, written as YAML. Nothing in it is taken from the environment: `$` is common
/// in schemas.
#[derive(Default)]
pub(super) struct InputSchema(pub(super) Option<Json>);

impl Read for InputSchema {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        let Some(schema) = plain(node) else {
            reading.note(path, "holds a number that JSON does not have");
            return Self::default();
        };
        if schema.get("type") != Some(&Json::from("object")) {
            reading.note(path, "must be a JSON Schema with `type: object`");
            return Self::default();
        }
        Self(Some(schema))
    }

    fn schema() -> Json {
        json!({
            "type": "object",
            "properties": { "type": { "const": "object" } },
            "required": ["type"],
        })
    }
}

/// A value without the places where its parts stood. `None`: there is a number that JSON does not have.
fn plain(node: &Node) -> Option<Json> {
    Some(match &node.value {
        Value::Scalar(scalar) => single(scalar)?,
        Value::List(items) => items.iter().map(plain).collect::<Option<Vec<_>>>()?.into(),
        Value::Map(entries) => {
            let entry =
                |(key, node): &(super::tree::Key, Node)| Some((key.text.clone(), plain(node)?));
            entries.iter().map(entry).collect::<Option<Map<_, _>>>()?.into()
        }
    })
}

fn single(scalar: &Scalar) -> Option<Json> {
    let text = scalar.text.as_str();
    Some(match scalar.kind() {
        Kind::Null => Json::Null,
        Kind::Bool(it) => it.into(),
        Kind::Text => text.into(),
        Kind::Whole => whole(text)?,
        Kind::Number => text.parse().ok().and_then(Number::from_f64)?.into(),
    })
}

fn whole(text: &str) -> Option<Json> {
    let radix = |prefix, radix| {
        let digits: &str = text.strip_prefix(prefix)?;
        u64::from_str_radix(digits, radix).ok()
    };
    let positive = radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| text.parse().ok());
    positive.map(Json::from).or_else(|| text.parse::<i64>().ok().map(Json::from))
}
