//! How long the model is to think (`thinkingConfig`).
//!
//! Efforts are mapped as Google's own OpenAI-compatible endpoint maps them
//! (<https://ai.google.dev/gemini-api/docs/openai#thinking>): to levels since Gemini 3, to numbers of
//! tokens before. Not to think at all is a budget of 0 in every generation; a model that cannot help
//! thinking refuses it by itself.

use serde_json::{Map, Value};

use super::before_gemini_3;
use crate::{Error, Result, chat::ReasoningOptions};

/// Writes the configuration. `None`: nothing was asked for, and models that do not think refuse one.
pub(super) fn encode(reasoning: &ReasoningOptions, model: &str) -> Result<Option<Value>> {
    let ReasoningOptions { enabled, effort, budget_tokens, summary } = reasoning;
    let mut config = Map::new();
    if *enabled == Some(false) || effort.as_deref() == Some("none") {
        config.insert("thinkingBudget".into(), 0.into());
        return Ok(Some(config.into()));
    }
    if enabled.is_none() && effort.is_none() && budget_tokens.is_none() && summary.is_none() {
        return Ok(None);
    }
    let shown = !matches!(summary.as_deref(), Some("none" | "omitted" | "disabled"));
    config.insert("includeThoughts".into(), shown.into());
    match (budget_tokens, effort) {
        // A level and a budget together are refused; the number says more.
        (Some(budget), _) => {
            config.insert("thinkingBudget".into(), (*budget).into());
        }
        (None, Some(effort)) => {
            let (level, budget) = level(effort)?;
            if before_gemini_3(model) {
                config.insert("thinkingBudget".into(), budget.into());
            } else {
                config.insert("thinkingLevel".into(), level.into());
            }
        }
        (None, None) => {}
    }
    Ok(Some(config.into()))
}

fn level(effort: &str) -> Result<(&'static str, u32)> {
    match effort {
        "minimal" => Ok(("minimal", 1_024)),
        "low" => Ok(("low", 1_024)),
        "medium" => Ok(("medium", 8_192)),
        "high" | "xhigh" | "max" => Ok(("high", 24_576)),
        _ => {
            let message =
                "`reasoning_effort` must be none, minimal, low, medium, high, xhigh or max";
            Err(Error::invalid("reasoning_effort", message))
        }
    }
}
