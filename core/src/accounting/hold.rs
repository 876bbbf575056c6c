//! Money set aside for one call.

use serde::{Deserialize, Serialize};

use super::{Outcome, Receipt};
use crate::{
    Code, Error, Result,
    chat::Usage,
    money::NanoDollars,
    operation::Operation,
    ports::{Record, Timestamp, Version},
    rates::Taking,
};

/// A hold that is yet to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub(super) id: String,
    pub(super) until: Timestamp,
    pub(super) terms: Terms,
    pub(super) taking: Option<Taking>,
}

impl Draft {
    /// The id that the call's receipt will have.
    pub fn receipt(&self) -> &str {
        &self.terms.receipt
    }

    /// When the hold may be reclaimed.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// The same, for a call that takes this of its rate limits.
    #[must_use]
    pub fn metered(mut self, taking: Option<Taking>) -> Self {
        self.taking = taking;
        self
    }

    /// The same, for a call that is a step of this run.
    #[must_use]
    pub fn in_run(mut self, run: impl Into<String>, step: u32) -> Self {
        (self.terms.run, self.terms.step) = (Some(run.into()), Some(step));
        self
    }

    /// The same, for a call that belongs to this conversation.
    #[must_use]
    pub fn in_conversation(mut self, id: impl Into<String>) -> Self {
        self.terms.conversation = Some(id.into());
        self
    }
}

/// Money set aside for one call of a provider. Ends in exactly one receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub(super) id: String,
    pub(super) version: Version,
    pub(super) terms: Terms,
    /// What the call took of its rate limits, as far as this process knows.
    pub(super) taking: Option<Taking>,
}

impl Hold {
    /// The id that the call's receipt will have.
    pub fn receipt(&self) -> &str {
        &self.terms.receipt
    }

    /// What the call is for.
    pub fn operation(&self) -> Operation {
        self.terms.operation
    }

    /// The model of the call.
    pub fn model(&self) -> &str {
        &self.terms.model
    }

    /// The receipt of the call, had it ended without using anything.
    pub fn draft(&self, outcome: Outcome) -> Receipt {
        Receipt {
            id: self.terms.receipt.clone(),
            tenant: self.terms.tenant.clone(),
            key: self.terms.key.clone(),
            operation: self.terms.operation,
            provider: self.terms.provider.clone(),
            model: self.terms.model.clone(),
            started_at: self.terms.started_at,
            duration_ms: 0,
            wake_ms: None,
            outcome,
            error: None,
            usage: Usage::default(),
            cost: NanoDollars::default(),
            correlation_id: self.terms.correlation_id.clone(),
            conversation: self.terms.conversation.clone(),
            run: self.terms.run.clone(),
            step: self.terms.step,
        }
    }

    pub(super) fn read(record: Record) -> Result<Self> {
        let terms = serde_json::from_slice(&record.value).map_err(|error| {
            Error::new(Code::Internal, "a stored hold cannot be read").caused_by(error)
        })?;
        Ok(Self { id: record.id, version: record.version, terms, taking: None })
    }
}

/// What is held, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) receipt: String,
    pub(super) tenant: String,
    pub(super) key: String,
    pub(super) operation: Operation,
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) started_at: Timestamp,
    pub(super) amount: NanoDollars,
    /// Whether the amount is held on a budget.
    #[serde(default)]
    pub(super) capped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) conversation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<u32>,
}
