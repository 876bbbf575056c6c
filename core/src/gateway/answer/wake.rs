//! Waiting for a model to be warm.

use std::time::Duration;

use super::{Ask, Question};
use crate::{
    Result,
    gateway::{line::Place, models::still_waking, settle::Settlement},
    inference::LocalModels,
    ports::Lease,
};

/// Waits for a place in the warm server of `model`: a streamed request as long as it may run, any other
/// for the wake timeout. Whoever stops waiting has not asked anyone yet, so there is nothing to pay.
pub(super) async fn wake<A: Ask>(
    local: &LocalModels,
    model: &str,
    question: &Question<'_, A>,
    settlement: &mut Settlement,
) -> Result<Lease> {
    let streamed = question.request.is_streamed();
    let waited = settlement.waited().unwrap_or_default();
    // A second wake, of a server that died, is part of the same patience.
    let patience = question.wake_timeout.saturating_sub(waited);
    let patience = if streamed { Duration::MAX } else { patience };
    settlement.waits();
    let wake = local.servers().wake(model, question.conversation.as_deref());
    match question.terms.deadline.within(patience, wake).await {
        Some(lease) => {
            let lease = lease?;
            settlement.woke(lease.woken_in);
            Ok(lease)
        }
        None => {
            let position = question.place.as_ref().map(Place::position);
            let waited = settlement.waited().unwrap_or_default();
            let server = local.servers().state(model).await;
            Err(still_waking(model, server.as_ref(), waited, position))
        }
    }
}
