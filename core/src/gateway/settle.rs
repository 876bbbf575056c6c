//! Stage 6: book what the call really cost, and write its receipt.
//!
//! Whatever ends a call (its last event, an error, a caller who goes away) ends in one booking. It runs
//! as a task of its own, so that it is finished even if nobody waits for it any more.

use std::{mem, time::Duration};

use futures::future::BoxFuture;
use tracing::Span;

use super::{
    Gateway,
    admit::Slot,
    converse::Heard,
    detached,
    reserve::{BYTES_PER_TOKEN, Claim},
};
use crate::{
    Code, Error, Result,
    accounting::{Hold, Outcome, Receipt},
    chat::{Chunk, Event, Grammar, Source, Usage, Violation},
    money::Price,
};

/// What must be known about a call to book it, whenever it ends. Dropping it books the call as
/// aborted.
#[derive(Debug)]
pub(super) struct Settlement {
    hold: Option<Hold>,
    price: Option<Price>,
    reach: Reach,
    usage: Option<Usage>,
    input_bytes: u64,
    output_bytes: u64,
    grammar: Grammar,
    started: Duration,
    wake: Option<Wake>,
    /// What is heard of the answer, for the conversation that it belongs to.
    heard: Option<Heard>,
    gateway: Gateway,
    span: Span,
    _slot: Option<Slot>,
}

/// How long the call waits for its model to wake. It may have to wait again, where a server dies
/// before it was asked.
#[derive(Clone, Copy, Debug, Default)]
struct Wake {
    /// All wakes that are over.
    took: Duration,
    /// When the one that is not began.
    since: Option<Duration>,
}

/// How far the call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The provider was not asked, or said no: nothing to pay.
    Nothing,
    /// The provider was asked; it may be reading.
    Asked,
    /// The model has begun to speak.
    Speaking,
}

impl Settlement {
    pub(super) fn new(
        gateway: &Gateway,
        hold: Hold,
        claim: &Claim,
        slot: Option<Slot>,
        heard: Option<Heard>,
    ) -> Self {
        Self {
            hold: Some(hold),
            price: claim.price,
            reach: Reach::Nothing,
            usage: None,
            input_bytes: claim.input_bytes,
            output_bytes: 0,
            grammar: Grammar::default(),
            started: gateway.host().elapsed(),
            wake: None,
            heard,
            gateway: gateway.clone(),
            span: Span::current(),
            _slot: slot,
        }
    }

    /// The id of the receipt to come.
    pub(super) fn receipt_id(&self) -> Option<&str> {
        self.hold.as_ref().map(Hold::receipt)
    }

    /// Takes what is heard of the answer: the call is booked without its conversation, which stays claimed.
    pub(super) fn unheard(&mut self) -> Option<Heard> {
        self.heard.take()
    }

    /// The call begins to wait for its model to wake.
    pub(super) fn waits(&mut self) {
        self.wake.get_or_insert_default().since = Some(self.gateway.host().elapsed());
    }

    /// The model is warm, after `time`.
    pub(super) fn woke(&mut self, time: Duration) {
        let wake = self.wake.get_or_insert_default();
        *wake = Wake { took: wake.took.saturating_add(time), since: None };
        if let Some(hold) = &self.hold {
            self.gateway.metrics().waited(hold.model(), time);
        }
    }

    /// How long the call has waited for its model, all its wakes together; `None` if its model is not
    /// of this machine.
    pub(super) fn waited(&self) -> Option<Duration> {
        self.wake.map(|Wake { took, since }| {
            let since = since.map(|since| self.gateway.host().elapsed().saturating_sub(since));
            took.saturating_add(since.unwrap_or_default())
        })
    }

    /// The provider is being asked.
    pub(super) fn asked(&mut self) {
        self.reach = Reach::Asked;
    }

    /// The provider said no.
    pub(super) fn refused(&mut self) {
        self.reach = Reach::Nothing;
    }

    /// Books the call and waits until it is booked. Later calls do nothing.
    pub(super) async fn end(&mut self, outcome: Outcome, error: Option<&Error>) -> Result<()> {
        match self.book(outcome, error) {
            Some(booked) => booked.await,
            None => Ok(()),
        }
    }

    fn book(
        &mut self,
        outcome: Outcome,
        error: Option<&Error>,
    ) -> Option<BoxFuture<'static, Result<()>>> {
        let hold = self.hold.take()?;
        let receipt = self.receipt(&hold, outcome, error);
        let gateway = self.gateway.clone();
        let heard = self.heard.take();
        let work = async move {
            let result = match heard {
                None => gateway.ledger().settle(&hold, &receipt).await,
                Some(heard) => heard.settle(&gateway, &hold, &receipt).await,
            };
            if let Err(error) = &result {
                let error = error as &dyn std::error::Error;
                tracing::error!(
                    receipt = receipt.id,
                    error,
                    "a call could not be settled; its hold will expire"
                );
            }
            gateway.metrics().settled(&receipt);
            result
        };
        Some(self.span.in_scope(|| detached::run(&**self.gateway.host(), work)))
    }

    fn receipt(&self, hold: &Hold, outcome: Outcome, error: Option<&Error>) -> Receipt {
        let mut receipt = hold.draft(outcome);
        let time = self.gateway.host().elapsed().saturating_sub(self.started);
        receipt.duration_ms = milliseconds(time);
        receipt.wake_ms = self.waited().map(milliseconds);
        receipt.error = error.map(|error| error.code().as_str().to_owned());
        receipt.usage = match self.reach {
            Reach::Nothing => Usage::default(),
            Reach::Asked | Reach::Speaking => self.usage.unwrap_or_else(|| self.estimate()),
        };
        receipt.cost = self.price.map(|price| price.of(&receipt.usage)).unwrap_or_default();
        receipt
    }

    /// What a call without an answer of events has used.
    pub(super) fn counted(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// What it has used as far as one can tell from its bytes.
    pub(super) fn estimate(&self) -> Usage {
        Usage {
            input: self.input_bytes.div_ceil(BYTES_PER_TOKEN),
            output: self.output_bytes.div_ceil(BYTES_PER_TOKEN),
            source: Source::Estimated,
            ..Usage::default()
        }
    }

    /// Takes notice of what passes by. In debug builds, an illegal sequence is an error.
    pub(super) fn observe(&mut self, chunk: Chunk) -> Result<Chunk> {
        for event in &chunk.events {
            match event {
                Event::Usage(usage) => self.usage = Some(*usage),
                Event::PartDelta { delta, .. } => {
                    self.output_bytes += u64::try_from(delta.text().len()).unwrap_or_default();
                    if mem::replace(&mut self.reach, Reach::Speaking) != Reach::Speaking {
                        self.first_token();
                    }
                }
                _ => {}
            }
            if let Some(heard) = &mut self.heard {
                heard.hear(event)?;
            }
            if cfg!(debug_assertions) {
                self.grammar.check(event).map_err(illegal)?;
            }
        }
        Ok(chunk)
    }

    /// Whether the answer may end here. Like [`observe`](Self::observe), it looks in debug builds.
    pub(super) fn complete(&self) -> Result<()> {
        if cfg!(debug_assertions) { self.grammar.complete().map_err(illegal) } else { Ok(()) }
    }

    fn first_token(&self) {
        if let Some(hold) = &self.hold {
            let time = self.gateway.host().elapsed().saturating_sub(self.started);
            self.gateway.metrics().first_token(hold.operation(), hold.model(), time);
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn illegal(violation: Violation) -> Error {
    Error::new(Code::Internal, "the answer broke the grammar of events").caused_by(violation)
}

impl Drop for Settlement {
    /// The caller went away before there was an answer.
    fn drop(&mut self) {
        drop(self.book(Outcome::Aborted, None));
    }
}
