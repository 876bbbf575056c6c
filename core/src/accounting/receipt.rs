//! What one call of a provider used and cost.

use serde::{Deserialize, Serialize};

use crate::{chat::Usage, money::NanoDollars, operation::Operation, ports::Timestamp};

/// The record of one call of a provider. Every call has exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Names the receipt; ids sort by time.
    pub id: String,
    /// Who pays.
    pub tenant: String,
    /// With which key.
    pub key: String,
    /// What for.
    pub operation: Operation,
    /// Who served it: the catalog's name of the provider, or `machine`.
    pub provider: String,
    /// The model, by the name that callers use.
    pub model: String,
    /// When the call was admitted.
    pub started_at: Timestamp,
    /// From there to the end, in milliseconds.
    pub duration_ms: u64,
    /// Of that, how long it waited for the model's server to wake, in milliseconds; zero if it was
    /// warm. `None` where the model is none that sleeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_ms: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// The error's code, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it used.
    pub usage: Usage,
    /// What it cost.
    pub cost: NanoDollars,
    /// Ties the receipt to log lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The id of the conversation that the call belongs to, if that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The id of the run that the call is a step of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How often the model was asked before in that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With a whole answer.
    Completed,
    /// With an error.
    Failed,
    /// The caller went away.
    Aborted,
    /// Unknown: the gateway's process died. Nothing is charged.
    Lost,
}
