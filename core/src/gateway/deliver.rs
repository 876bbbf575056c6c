//! Stage 7: pass the answer on to the caller, and settle it before its end.
//!
//! The answer is read in a task of its own, not when the caller happens to take the next piece: a
//! caller who stops reading must not escape the request's deadline, nor keep its worker slot.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    channel::{mpsc, oneshot},
    future::{Either, select},
};
use tracing::Instrument;

use super::{closing::Closing, settle::Settlement};
use crate::{
    Code, Error, Result,
    accounting::Outcome,
    chat::{Chunk, ChunkStream},
    inference::Deadline,
    ports::Host,
};

/// Hands `chunks` on. The stream ends when the call is settled; dropping it ends the call.
pub(super) fn deliver(
    host: &Arc<dyn Host>,
    chunks: ChunkStream,
    settlement: Settlement,
    limits: Limits,
) -> ChunkStream {
    // One chunk waits for the caller, the next is read meanwhile.
    let (to_caller, from_provider) = mpsc::channel(0);
    let (present, left) = oneshot::channel();
    let delivery = Delivery { settlement, to_caller, left, limits };
    host.spawn(delivery.run(chunks).in_current_span().boxed());
    from_provider
        .map(move |chunk| {
            // Held by the caller's end of the stream: gone with it.
            let _: &oneshot::Sender<()> = &present;
            chunk
        })
        .boxed()
}

/// What ends a delivery before its end.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) deadline: Deadline,
    pub(super) closing: Closing,
}

/// An answer on its way.
struct Delivery {
    settlement: Settlement,
    to_caller: mpsc::Sender<Result<Chunk>>,
    left: oneshot::Receiver<()>,
    limits: Limits,
}

/// Why a delivery goes on no longer.
enum Halt {
    /// The caller is gone.
    Left,
    /// Something failed; the caller is told if it listens.
    Failed(Error),
}

impl Delivery {
    async fn run(mut self, mut chunks: ChunkStream) {
        let halt = loop {
            match self.step(&mut chunks).await {
                Ok(true) => {}
                Ok(false) => break None,
                Err(halt) => break Some(halt),
            }
        };
        // Ends the call, if it still runs.
        drop(chunks);
        let booked = match &halt {
            None => self.settlement.end(Outcome::Completed, None).await,
            Some(Halt::Left) => self.settlement.end(Outcome::Aborted, None).await,
            Some(Halt::Failed(error)) => self.settlement.end(Outcome::Failed, Some(error)).await,
        };
        let failure = match halt {
            Some(Halt::Failed(error)) => Some(error),
            None => booked.err(),
            Some(Halt::Left) => None,
        };
        // Frees the worker slot; a caller that does not listen may let the rest wait.
        drop(self.settlement);
        if let Some(error) = failure {
            let _: Option<()> = send(&mut self.to_caller, Err(error)).await;
        }
    }

    /// Passes one chunk on. `false`: there are no more.
    async fn step(&mut self, chunks: &mut ChunkStream) -> Result<bool, Halt> {
        let next = self.limits.unless_over(&mut self.left, chunks.next()).await?;
        let Some(chunk) = next else {
            self.settlement.complete().map_err(Halt::Failed)?;
            return Ok(false);
        };
        let chunk = chunk.and_then(|chunk| self.settlement.observe(chunk)).map_err(Halt::Failed)?;
        let sent = send(&mut self.to_caller, Ok(chunk));
        let taken = self.limits.unless_over(&mut self.left, sent).await?;
        taken.map(|()| true).ok_or(Halt::Left)
    }
}

impl Limits {
    async fn unless_over<T>(
        &self,
        left: &mut oneshot::Receiver<()>,
        work: impl Future<Output = T>,
    ) -> Result<T, Halt> {
        let closed = pin!(self.closing.closed());
        let over = select(left, closed);
        let in_time = pin!(self.deadline.within(Duration::MAX, work));
        match select(in_time, over).await {
            Either::Left((Some(value), _)) => Ok(value),
            Either::Left((None, _)) => {
                let message = "the request took longer than the gateway allows";
                Err(Halt::Failed(Error::new(Code::UpstreamTimeout, message)))
            }
            Either::Right((Either::Left(_), _)) => Err(Halt::Left),
            Either::Right((Either::Right((error, _)), _)) => Err(Halt::Failed(error)),
        }
    }
}

/// `None`: nobody will take it.
async fn send(to: &mut mpsc::Sender<Result<Chunk>>, item: Result<Chunk>) -> Option<()> {
    poll_fn(|context| to.poll_ready(context)).await.ok()?;
    to.start_send(item).ok()
}
