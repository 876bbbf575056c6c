//! What the answer must look like (`text.format`), both ways.

use serde_json::{Map, Value, json};

use super::fields::{require, take};
use crate::{Result, chat::OutputFormat};

/// Reads `text`. What the vocabulary has no word for (`verbosity`, other formats) stays among the `rest`.
pub(super) fn decode(
    text: Option<Map<String, Value>>,
    rest: &mut Map<String, Value>,
) -> Result<OutputFormat> {
    const AT: &str = "text.format";
    let Some(mut text) = text else { return Ok(OutputFormat::Text) };
    let format: Option<Map<String, Value>> = take(&mut text, "format", "text")?;
    let mut decoded = OutputFormat::Text;
    if let Some(mut format) = format {
        let kind: String = require(&mut format, "type", AT)?;
        match kind.as_str() {
            "text" => {}
            "json_object" => decoded = OutputFormat::JsonObject,
            "json_schema" => {
                let schema: Map<String, Value> = require(&mut format, "schema", AT)?;
                decoded = OutputFormat::JsonSchema {
                    name: require(&mut format, "name", AT)?,
                    description: take(&mut format, "description", AT)?,
                    schema: schema.into(),
                    strict: take(&mut format, "strict", AT)?,
                };
            }
            _ => {
                format.insert("type".into(), kind.into());
                text.insert("format".into(), format.into());
            }
        }
    }
    if !text.is_empty() {
        rest.insert("text".into(), text.into());
    }
    Ok(decoded)
}

/// Writes the format; text needs no words.
pub(super) fn encode(format: &OutputFormat) -> Option<Value> {
    match format {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some(json!({ "type": "json_object" })),
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            let mut written = Map::new();
            written.insert("type".into(), "json_schema".into());
            written.insert("name".into(), name.as_str().into());
            if let Some(description) = description {
                written.insert("description".into(), description.as_str().into());
            }
            written.insert("schema".into(), schema.clone());
            if let Some(strict) = strict {
                written.insert("strict".into(), (*strict).into());
            }
            Some(written.into())
        }
    }
}
