//! Whether and how long to think (`thinking`, `output_config.effort`), and what the answer must look like
//! (`output_config.format`), both ways.

use serde_json::{Map, Value, json};

use crate::{
    Error, Result,
    chat::{OutputFormat, ReasoningOptions},
    wire::fields::{require, take},
};

const CONFIG: &str = "output_config";
const THINKING: &str = "thinking";
const FORMAT: &str = "output_config.format";

/// The name of a schema: this format gives it none, others demand one.
const UNNAMED: &str = "response";

/// The least budget that Anthropic takes.
const LEAST_BUDGET: u32 = 1024;

/// Reads how to think. A kind that the vocabulary has no word for stays among the `rest`.
pub(super) fn decode(
    thinking: Option<Map<String, Value>>,
    config: &mut Map<String, Value>,
    rest: &mut Map<String, Value>,
) -> Result<ReasoningOptions> {
    let effort = take(config, "effort", CONFIG)?;
    let mut options = ReasoningOptions { effort, ..ReasoningOptions::default() };
    let Some(mut thinking) = thinking else { return Ok(options) };
    let whole = thinking.clone();
    let kind: String = require(&mut thinking, "type", THINKING)?;
    options.summary = take(&mut thinking, "display", THINKING)?;
    options.enabled = Some(kind != "disabled");
    match kind.as_str() {
        "enabled" => {
            let budget: u32 = require(&mut thinking, "budget_tokens", THINKING)?;
            if budget == 0 {
                let at = "thinking.budget_tokens";
                return Err(Error::invalid(at, "`thinking.budget_tokens` must be at least 1"));
            }
            options.budget_tokens = Some(budget);
        }
        "adaptive" | "disabled" => {}
        _ => {
            rest.insert(THINKING.into(), whole.into());
        }
    }
    Ok(options)
}

/// Reads the format: `output_config.format`, or `output_format`, as its first beta called it.
pub(super) fn decode_format(
    config: &mut Map<String, Value>,
    rest: &mut Map<String, Value>,
) -> Result<OutputFormat> {
    let newer: Option<Map<String, Value>> = take(config, "format", CONFIG)?;
    let (format, at) = match newer {
        Some(format) => (Some(format), FORMAT),
        None => (take(rest, "output_format", "")?, "output_format"),
    };
    let Some(mut format) = format else { return Ok(OutputFormat::Text) };
    let kind: String = require(&mut format, "type", at)?;
    match kind.as_str() {
        "text" => Ok(OutputFormat::Text),
        "json_schema" => {
            let schema: Map<String, Value> = require(&mut format, "schema", at)?;
            Ok(OutputFormat::JsonSchema {
                name: UNNAMED.into(),
                description: None,
                schema: schema.into(),
                strict: None,
            })
        }
        _ => {
            let at = format!("{at}.type");
            let message = format!("`{at}` must be `json_schema`");
            Err(Error::invalid(at, message))
        }
    }
}

/// Writes how to think within `limit` output tokens. Where the budget does not fit, it is lowered; where
/// the least does not fit either, there is no thinking.
pub(super) fn encode(options: &ReasoningOptions, limit: u32) -> Option<Value> {
    let enabled = options.enabled.or_else(|| options.budget_tokens.map(|_| true));
    let enabled = enabled.or_else(|| (options.effort.as_deref() == Some("none")).then_some(false));
    let mut thinking = match (enabled?, options.budget_tokens) {
        (false, _) => return Some(json!({ "type": "disabled" })),
        (true, None) => json!({ "type": "adaptive" }),
        (true, Some(_)) if limit <= LEAST_BUDGET => return Some(json!({ "type": "disabled" })),
        (true, Some(budget)) => {
            let budget = budget.clamp(LEAST_BUDGET, limit - 1);
            json!({ "type": "enabled", "budget_tokens": budget })
        }
    };
    let display = options.summary.as_deref().and_then(display);
    if let (Some(display), Some(thinking)) = (display, thinking.as_object_mut()) {
        thinking.insert("display".into(), display.into());
    }
    Some(thinking)
}

/// What is shown of the thoughts; the words of other formats (`auto`, `detailed`) ask to see them.
fn display(summary: &str) -> Option<&str> {
    match summary {
        "none" => Some("omitted"),
        "auto" | "concise" | "detailed" => Some("summarized"),
        "" => None,
        own => Some(own),
    }
}

/// Writes the fields of `output_config`.
pub(super) fn encode_config(
    options: &ReasoningOptions,
    format: &OutputFormat,
) -> Map<String, Value> {
    let mut config = Map::new();
    let effort = match options.effort.as_deref() {
        None | Some("none") => None,
        Some("minimal") => Some("low"),
        effort => effort,
    };
    if let Some(effort) = effort {
        config.insert("effort".into(), effort.into());
    }
    if let OutputFormat::JsonSchema { schema, .. } = format {
        let format = json!({ "type": "json_schema", "schema": schema });
        config.insert("format".into(), format);
    }
    config
}
