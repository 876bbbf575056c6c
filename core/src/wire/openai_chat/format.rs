//! What the answer must look like (`response_format`), both ways.

use serde_json::{Map, Value, json};

use crate::wire::fields::{require, take};
use crate::{Result, chat::OutputFormat};

const FIELD: &str = "response_format";

/// The name of a schema that came without one.
const UNNAMED: &str = "response";

/// Reads the format. A kind that the vocabulary has no word for stays among the `rest`.
pub(super) fn decode(
    format: Option<Map<String, Value>>,
    rest: &mut Map<String, Value>,
) -> Result<OutputFormat> {
    let Some(mut format) = format else { return Ok(OutputFormat::Text) };
    let kind: String = require(&mut format, "type", FIELD)?;
    match kind.as_str() {
        "text" => Ok(OutputFormat::Text),
        "json_object" => {
            // llama.cpp takes a schema here, too.
            let schema: Option<Map<String, Value>> = take(&mut format, "schema", FIELD)?;
            Ok(schema.map_or(OutputFormat::JsonObject, |schema| OutputFormat::JsonSchema {
                name: UNNAMED.into(),
                description: None,
                schema: schema.into(),
                strict: None,
            }))
        }
        "json_schema" => json_schema(format),
        _ => {
            format.insert("type".into(), kind.into());
            rest.insert(FIELD.into(), format.into());
            Ok(OutputFormat::Text)
        }
    }
}

fn json_schema(mut format: Map<String, Value>) -> Result<OutputFormat> {
    let at = "response_format.json_schema";
    let mut json_schema: Map<String, Value> = require(&mut format, "json_schema", FIELD)?;
    let schema: Map<String, Value> = require(&mut json_schema, "schema", at)?;
    Ok(OutputFormat::JsonSchema {
        name: require(&mut json_schema, "name", at)?,
        description: take(&mut json_schema, "description", at)?,
        schema: schema.into(),
        strict: take(&mut json_schema, "strict", at)?,
    })
}

/// Writes the format; text needs no words.
pub(super) fn encode(format: &OutputFormat) -> Option<Value> {
    match format {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some(json!({ "type": "json_object" })),
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            let mut json_schema = json!({ "name": name, "schema": schema });
            if let Some(object) = json_schema.as_object_mut() {
                if let Some(description) = description {
                    object.insert("description".into(), description.as_str().into());
                }
                if let Some(strict) = strict {
                    object.insert("strict".into(), (*strict).into());
                }
            }
            Some(json!({ "type": "json_schema", "json_schema": json_schema }))
        }
    }
}
