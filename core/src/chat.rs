//! The vocabulary of a conversation, independent of any wire format.
//!
//! Names follow the OpenTelemetry GenAI conventions: *input tokens*, *output tokens*,
//! *conversation*, *finish reason*, *tool call*. What one dialect has and another lacks is carried
//! ([`Extensions`], [`Part::Other`]), never dropped silently.

mod event;
mod grammar;
mod message;
mod request;
mod usage;
mod whole;

pub use event::{Chunk, ChunkStream, Delta, Event, FinishReason, PartKind};
pub use grammar::{Grammar, Violation};
pub use message::{CacheHint, Document, Image, Message, Part, Role, Signature};
pub(crate) use message::{failure, own_calls, told, unfolded};
pub use request::{
    Dialect, Extensions, Original, OutputFormat, ReasoningOptions, Request, Sampling,
    StreamOptions, Tool, ToolChoice,
};
pub use usage::{Source, Usage};
pub use whole::{Choice, Whole};
