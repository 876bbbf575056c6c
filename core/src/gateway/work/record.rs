//! The steps of a run that this process works on, on their way into its record.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::{files::RunFiles, frames};
use crate::{
    Code, Error, Result,
    agent::{Journal, Step},
    runs::Claimed,
    wire::openai_responses::AnswerEncoder,
};

/// Records each step together with the events that belong to it, and with the files as they are then.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) claimed: Arc<Claimed>,
    pub(super) files: RunFiles,
    encoder: Mutex<AnswerEncoder>,
}

impl Recorder {
    pub(super) fn new(claimed: Arc<Claimed>, files: RunFiles, encoder: AnswerEncoder) -> Self {
        Self { claimed, files, encoder: Mutex::new(encoder) }
    }

    /// What writes the events.
    pub(super) fn encoder(&self) -> MutexGuard<'_, AnswerEncoder> {
        self.encoder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for Recorder {
    async fn record(&self, at: u32, step: &Step) -> Result<()> {
        let run = self.claimed.run().await;
        if at != run.steps {
            return Err(Error::new(
                Code::Internal,
                "a step of a run was to be recorded out of turn",
            ));
        }
        // An item of which all was said is done with its step: who goes on does not say it again.
        let told = match step {
            Step::Said(said) => self.encoder().settle(&said.finish_reason),
            _ => Bytes::new(),
        };
        self.claimed.tell(frames(&told)).await;
        let kept = match step {
            Step::Ran(_) => self.files.keep(&run).await?,
            _ => run.files.clone(),
        };
        self.claimed.record(encode(step)?, kept.clone()).await?;
        match run.files {
            Some(before) if Some(&before) != kept.as_ref() => self.files.forget(&before).await,
            _ => Ok(()),
        }
    }
}

fn encode(step: &Step) -> Result<Bytes> {
    let encoded = serde_json::to_vec(step).map_err(|error| {
        Error::new(Code::Internal, "a step of a run cannot be stored").caused_by(error)
    });
    encoded.map(Bytes::from)
}

/// Reads steps that were recorded.
pub(super) fn decode(steps: &[Bytes]) -> Result<Vec<Step>> {
    let read = |step: &Bytes| {
        serde_json::from_slice(step).map_err(|error| {
            Error::new(Code::Internal, "a stored step of a run cannot be read").caused_by(error)
        })
    };
    steps.iter().map(read).collect()
}
