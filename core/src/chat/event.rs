//! An answer as a stream of events. [`Grammar`](super::Grammar) states which sequences are legal.

use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Dialect, Extensions, Part, Signature, Usage};
use crate::Result;

/// The pieces of one answer, in order. An error ends the stream.
pub type ChunkStream = BoxStream<'static, Result<Chunk>>;

/// What arrived at once: its meaning, and its bytes where these may pass through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
    /// What it means.
    pub events: Vec<Event>,
    /// The provider's own bytes for exactly these events, in the caller's dialect. Empty bytes mean
    /// that the caller is to see nothing of it. `None`: encode the events.
    pub verbatim: Option<Bytes>,
}

impl From<Event> for Chunk {
    fn from(event: Event) -> Self {
        Self { events: vec![event], verbatim: None }
    }
}

/// One step of an answer.
///
/// A request for several answers (`n`) gets several *choices* in one stream; their parts may
/// interleave. Everywhere else `choice` is 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The provider's id of the answer.
        id: String,
        /// The model that answers, by the provider's name.
        model: String,
        /// Seconds since the Unix epoch, if the provider says.
        created: Option<u64>,
    },
    /// A part begins.
    PartStart {
        /// Which choice.
        choice: u32,
        /// The part's place in the choice: 0, 1, 2, …
        index: u32,
        /// What the part is.
        kind: PartKind,
    },
    /// The open part goes on.
    PartDelta {
        /// Which choice.
        choice: u32,
        /// Which part.
        index: u32,
        /// What is added.
        delta: Delta,
    },
    /// The open part is complete.
    PartEnd {
        /// Which choice.
        choice: u32,
        /// Which part.
        index: u32,
    },
    /// A choice is complete.
    Finish {
        /// Which choice.
        choice: u32,
        /// Why.
        reason: FinishReason,
    },
    /// Token counts so far. Cumulative: the last one counts.
    Usage(Usage),
    /// Something that only a caller of the provider's dialect understands (log probabilities, timings).
    Extension {
        /// The dialect.
        dialect: Dialect,
        /// Which choice it belongs to, or the whole answer.
        choice: Option<u32>,
        /// The fields.
        fields: Extensions,
    },
    /// Nothing new, but the provider is alive.
    Ping,
    /// Nothing new, but the provider has read so much of the prompt.
    Progress {
        /// Of a hundred.
        percent: u8,
    },
}

/// What a part is.
#[derive(Clone, Debug, PartialEq)]
pub enum PartKind {
    /// Text.
    Text,
    /// The model's thoughts.
    Reasoning,
    /// Thoughts that the provider has encrypted: only their signature comes.
    Redacted,
    /// A refusal.
    Refusal,
    /// A tool call.
    ToolCall {
        /// Its id.
        id: String,
        /// The tool's name.
        name: String,
        /// The tool takes free text instead of a JSON object.
        custom: bool,
    },
    /// A tool call that the gateway answers itself: its result is a later part of the same choice.
    OwnCall {
        /// Its id, which no other part of the answer has.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// What the tool of an [`OwnCall`](Self::OwnCall) answered. It has no deltas.
    ToolResult {
        /// The id of the call.
        call_id: String,
        /// The result.
        parts: Vec<Part>,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// A part that only one dialect has (what the provider's own tools did). It has no deltas.
    Other {
        /// The dialect.
        dialect: Dialect,
        /// The part, complete.
        value: Value,
    },
}

/// An addition to a part. Its kind matches the part's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// More text.
    Text(String),
    /// More thoughts.
    Reasoning(String),
    /// The signature under the thoughts; comes once, last.
    Signature(Signature),
    /// More of a refusal.
    Refusal(String),
    /// More of a tool call's arguments: a piece of JSON text, or of a custom tool's input.
    Arguments(String),
}

impl Delta {
    /// The added text, whatever it is part of.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text)
            | Self::Reasoning(text)
            | Self::Signature(Signature { text, .. })
            | Self::Refusal(text)
            | Self::Arguments(text) => text,
        }
    }
}

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model was done, or met a stop text that the provider does not name.
    Stop,
    /// The model met this stop text.
    StopText(String),
    /// The token limit was reached.
    Length,
    /// The model waits for the results of its tool calls.
    ToolCalls,
    /// A content filter cut in, or the model refused.
    ContentFilter,
    /// A reason that only the provider's dialect has a word for.
    Other(String),
}
