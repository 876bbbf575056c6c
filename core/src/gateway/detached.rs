//! Work that is finished even if nobody waits for it any more.

use std::future::Future;

use futures::{
    FutureExt,
    channel::oneshot,
    future::{BoxFuture, ready},
};
use tracing::Instrument;

use crate::{Code, Error, Result, ports::Host};

/// Begins `work` at once and, if that does not end it, goes on with it in a task of its own, in the span
/// of the caller. Dropping the returned future does not stop the work; what it made is then dropped
/// where it was made.
pub(super) fn run<T: Send + 'static>(
    host: &dyn Host,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> BoxFuture<'static, Result<T>> {
    let mut work = work.in_current_span().boxed();
    if let Some(result) = (&mut work).now_or_never() {
        return ready(result).boxed();
    }
    let (done, result) = oneshot::channel();
    let work = async move {
        // Nobody listens if the caller went away.
        drop(done.send(work.await));
    };
    host.spawn(work.boxed());
    let lost = |_| Err(Error::new(Code::Internal, "a task of the gateway was lost"));
    result.map(move |result| result.unwrap_or_else(lost)).boxed()
}
