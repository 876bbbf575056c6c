//! How conversations are kept.

use std::time::Duration;

use crate::tenant::Config;

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
    /// As holds for a tenant.
    pub fn of(config: &Config) -> Self {
        Self {
            ttl: config.conversation_ttl,
            messages: config.conversation_messages.0,
            compact_at: config.conversation_compact_at.0,
            compaction_model: config.compaction_model.clone(),
            context_window: config.context_window,
        }
    }

    /// Whether any are kept.
    pub fn keeps(&self) -> bool {
        !self.ttl.is_zero()
    }
}
