//! What happens in a run, as it is recorded.

use serde::{Deserialize, Serialize};

use super::{Call, Purpose};
use crate::chat::{FinishReason, Message, Part, Usage};

/// One thing that happened in a run. Steps are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The model was asked, and answered.
    Said(Box<Said>),
    /// A tool answered one of the calls of the last answer, or did what was to be done before or after it. The
    /// results of one answer come in any order.
    Ran(Ran),
    /// The model did nothing, and is told to go on.
    Nudged,
    /// The run is over. Nothing follows.
    Ended(Ending),
}

/// An answer of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// What it said and called, complete.
    pub message: Message,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// What it was asked for.
    #[serde(default, skip_serializing_if = "Purpose::is_work")]
    pub purpose: Purpose,
    /// Whether it was told of tools in words, and so says when it is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emulated: bool,
    /// The receipt of the call.
    pub receipt: String,
    /// The model that answered, by the name that callers use.
    pub model: String,
    /// What the call used.
    #[serde(default)]
    pub usage: Usage,
}

impl Said {
    /// The calls, in the order in which they were made.
    pub fn calls(&self) -> Vec<Call> {
        let calls = self.message.parts.iter().filter_map(|part| match part {
            Part::ToolCall { id, name, arguments, .. } => Some((id, name, arguments)),
            _ => None,
        });
        (0..)
            .zip(calls)
            .map(|(index, (id, name, arguments))| Call {
                index,
                id: id.clone(),
                name: name.clone(),
                arguments: arguments.clone(),
            })
            .collect()
    }

    /// What it said in plain text.
    pub fn text(&self) -> String {
        let texts = self.message.parts.iter().filter_map(|part| match part {
            Part::Text { text, .. } | Part::Refusal { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

/// A tool's answer to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// Which call of the answer before, or of what is looked up before any: 0, 1, 2, …
    pub call: u32,
    /// What the model is told.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
}

/// Why a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The model has given its answer.
    Done,
    /// The model calls tools that only the caller has.
    HandedBack,
    /// The model's answer was cut short: by its limit of tokens, or a filter.
    Cut,
    /// The model did nothing, and again nothing when it was told to go on.
    Idle,
    /// The same call had the same result too often.
    Repetition,
    /// The model was asked as often as it may be.
    Steps,
    /// The run took as long as it may.
    Time,
    /// The next call would cost more than is left.
    Budget,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::HandedBack,
        Self::Cut,
        Self::Idle,
        Self::Repetition,
        Self::Steps,
        Self::Time,
        Self::Budget,
    ];

    /// Its name in answers, metrics and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::HandedBack => "handed_back",
            Self::Cut => "cut",
            Self::Idle => "idle",
            Self::Repetition => "repetition",
            Self::Steps => "steps",
            Self::Time => "time",
            Self::Budget => "budget",
        }
    }

    /// What the caller is told where the model's own words do not say it.
    pub const fn words(self) -> Option<&'static str> {
        match self {
            Self::Done | Self::HandedBack | Self::Cut => None,
            Self::Idle => Some("[Stopped: the model gave no answer.]"),
            Self::Repetition => {
                Some("[Stopped: the model kept making the same call with the same result.]")
            }
            Self::Steps => Some("[Stopped: the limit of steps was reached.]"),
            Self::Time => Some("[Stopped: the time for this request is over.]"),
            Self::Budget => Some("[Stopped: the budget does not cover another step.]"),
        }
    }
}
