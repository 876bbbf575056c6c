//! A whole answer: a stream of events, collected.

use std::collections::BTreeMap;

use futures::{Stream, StreamExt};
use serde_json::{Map, Value};

use super::{
    Chunk, Delta, Dialect, Event, Extensions, FinishReason, Grammar, Part, PartKind, Usage,
    Violation,
};
use crate::{Code, Error, Result};

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    /// The provider's id of the answer.
    pub id: String,
    /// The model that answered, by the provider's name.
    pub model: String,
    /// Seconds since the Unix epoch, if the provider said.
    pub created: Option<u64>,
    /// The answers, by choice.
    pub choices: BTreeMap<u32, Choice>,
    /// Token counts, if known.
    pub usage: Option<Usage>,
    /// The provider's dialect, if there are extensions.
    pub dialect: Option<Dialect>,
    /// What only a caller of the provider's dialect understands, about the whole answer.
    pub extensions: Extensions,
}

/// One answer of possibly several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// What was said, in order.
    pub parts: Vec<Part>,
    /// Why it ended; always `Some` in a complete answer.
    pub finish_reason: Option<FinishReason>,
    /// What only a caller of the provider's dialect understands, about this choice.
    pub extensions: Extensions,
}

impl Whole {
    /// Collects a stream, to its end or its first error.
    ///
    /// # Errors
    ///
    /// The stream's own, and [`Code::Internal`] if it breaks the [`Grammar`] or ends too early.
    pub async fn collect(mut chunks: impl Stream<Item = Result<Chunk>> + Unpin) -> Result<Self> {
        let mut whole = Self::default();
        let mut grammar = Grammar::default();
        while let Some(chunk) = chunks.next().await {
            for event in chunk?.events {
                grammar.check(&event).map_err(illegal)?;
                whole.push(event)?;
            }
        }
        grammar.complete().map_err(illegal)?;
        Ok(whole)
    }

    /// Takes the next event of a legal stream.
    pub fn push(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Start { id, model, created } => {
                (self.id, self.model, self.created) = (id, model, created);
            }
            Event::PartStart { choice, kind, .. } => {
                self.choices.entry(choice).or_default().parts.push(Part::begun(kind));
            }
            Event::PartDelta { choice, delta, .. } => self.open_part(choice, &delta)?,
            Event::Finish { choice, reason } => {
                self.choices.entry(choice).or_default().finish_reason = Some(reason);
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Extension { dialect, choice: Some(choice), fields } => {
                self.dialect = Some(dialect);
                merge(&mut self.choices.entry(choice).or_default().extensions.0, fields.0);
            }
            Event::Extension { dialect, choice: None, fields } => {
                self.dialect = Some(dialect);
                self.extensions.0.extend(fields.0);
            }
            Event::PartEnd { .. } | Event::Ping | Event::Progress { .. } => {}
        }
        Ok(())
    }

    fn open_part(&mut self, choice: u32, delta: &Delta) -> Result<()> {
        let parts = &mut self.choices.entry(choice).or_default().parts;
        let fits = parts.last_mut().is_some_and(|part| part.extend(delta));
        if fits { Ok(()) } else { Err(Error::new(Code::Internal, "a delta without its part")) }
    }
}

impl Part {
    /// A part that begins.
    pub(crate) fn begun(kind: PartKind) -> Self {
        match kind {
            PartKind::Text => Self::Text { text: String::new(), cache: None },
            PartKind::Reasoning => thoughts(false),
            PartKind::Redacted => thoughts(true),
            PartKind::Refusal => Self::Refusal { text: String::new() },
            PartKind::ToolCall { id, name, custom } => {
                Self::ToolCall { id, name, arguments: String::new(), custom }
            }
            PartKind::OwnCall { id, name } => {
                Self::ToolCall { id, name, arguments: String::new(), custom: false }
            }
            PartKind::ToolResult { call_id, parts, is_error } => {
                Self::ToolResult { call_id, parts, is_error, cache: None }
            }
            PartKind::Other { dialect, value } => Self::Other { dialect, value },
        }
    }

    /// Adds what comes next. Says whether it is of the part's kind; if not, nothing is changed.
    pub(crate) fn extend(&mut self, delta: &Delta) -> bool {
        match (self, delta) {
            (Self::Text { text, .. }, Delta::Text(more))
            | (Self::Reasoning { text, .. }, Delta::Reasoning(more))
            | (Self::Refusal { text }, Delta::Refusal(more))
            | (Self::ToolCall { arguments: text, .. }, Delta::Arguments(more)) => {
                text.push_str(more);
            }
            (Self::Reasoning { signature, .. }, Delta::Signature(more)) => {
                *signature = Some(more.clone());
            }
            _ => return false,
        }
        true
    }
}

fn illegal(violation: Violation) -> Error {
    Error::new(Code::Internal, "an answer broke the grammar of events").caused_by(violation)
}

/// Adds fields about a choice to those that came before: lists (of log probabilities, annotations) go on
/// where they were, anything else is replaced.
fn merge(fields: &mut Map<String, Value>, more: Map<String, Value>) {
    for (field, value) in more {
        match (fields.get_mut(&field), value) {
            (Some(Value::Array(there)), Value::Array(more)) => there.extend(more),
            (Some(Value::Object(there)), Value::Object(more)) => merge(there, more),
            (_, value) => {
                fields.insert(field, value);
            }
        }
    }
}

fn thoughts(redacted: bool) -> Part {
    Part::Reasoning { text: String::new(), signature: None, redacted }
}
