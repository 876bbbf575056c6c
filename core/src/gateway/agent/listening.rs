//! An answer of the model on its way.

use crate::{
    Result,
    agent::{Purpose, Said, Step},
    chat::{Chunk, ChunkStream, FinishReason, Message, Part, Role, Whole},
};

/// What is heard of an answer.
pub(super) struct Listening {
    pub(super) chunks: ChunkStream,
    pub(super) whole: Whole,
    pub(super) purpose: Purpose,
    pub(super) emulated: bool,
    pub(super) receipt: String,
    pub(super) model: String,
}

impl Listening {
    /// Takes what came next.
    pub(super) fn hear(&mut self, chunk: &Chunk) -> Result<()> {
        chunk.events.iter().try_for_each(|event| self.whole.push(event.clone()))
    }

    /// The answer, complete.
    pub(super) fn said(self) -> Step {
        let mut whole = self.whole;
        let choice = whole.choices.remove(&0).unwrap_or_default();
        let silent = |part: &Part| matches!(part, Part::Text { text, .. } if text.is_empty());
        let parts = choice.parts.into_iter().filter(|part| !silent(part)).collect();
        Step::Said(Box::new(Said {
            message: Message { parts, ..Message::text(Role::Assistant, "") },
            finish_reason: choice.finish_reason.unwrap_or(FinishReason::Stop),
            purpose: self.purpose,
            emulated: self.emulated,
            receipt: self.receipt,
            model: self.model,
            usage: whole.usage.unwrap_or_default(),
        }))
    }
}
