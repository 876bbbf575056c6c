//! How conversations are kept.

use std::time::Duration;

use crate::settings::Settings;

/// How the conversations of a tenant are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a conversation is kept after its last turn. Zero: none are kept.
    pub ttl: Duration,
    /// The most messages of a conversation.
    pub messages: u32,
    /// Above which share of its model's context window, in percent, a conversation is compacted. Zero: never
    /// by itself.
    pub compact_at: u32,
    /// The model that writes summaries. `None`: the one that is to answer.
    pub compaction_model: Option<String>,
    /// The context window of models of which the catalog knows none, in tokens. `None`: not known.
    pub context_window: Option<u32>,
}

impl Policy {
    /// As `settings` say.
    pub fn of(settings: &Settings) -> Self {
        Self {
            ttl: settings.conversation_ttl,
            messages: settings.conversation_messages,
            compact_at: settings.conversation_compact_at,
            compaction_model: settings.compaction_model.clone(),
            context_window: settings.context_window,
        }
    }

    /// Whether any are kept.
    pub fn keeps(&self) -> bool {
        !self.ttl.is_zero()
    }
}
