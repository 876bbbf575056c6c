//! Commits of several writes, or with a token: one transaction.
//!
//! The order of its items is that of the writes, with the token behind them, and DynamoDB names the reason of
//! each item that stood against it in that order.

use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use dormouse_core::{
    Result,
    ports::{Outcome, Timestamp, Version, hex},
};

use crate::{
    commit::{Attempt, Draft, Place},
    failure::{Failure, busy, unavailable},
    item::{self, Item},
    patience::Patience,
    records,
};

/// Attempts the commit once, however often the answer is lost.
pub(crate) async fn attempt(
    place: Place<'_>,
    draft: &mut Draft<'_>,
    patience: &mut Patience<'_>,
) -> Result<Attempt> {
    let now = place.host.now();
    let commit = draft.commit;
    let mut items = Vec::with_capacity(commit.writes.len() + 1);
    for (index, write) in commit.writes.iter().enumerate() {
        match draft.operation(index, write, now) {
            Ok(operation) => items.push(operation),
            Err(why) => return refused(place, draft, Outcome::Refused { write: index, why }).await,
        }
    }
    items.extend(commit.token.as_deref().map(|token| draft.reminder(token, now)));
    let items: Result<Vec<_>, _> =
        items.into_iter().map(|operation| operation.into_parts().transacted(place.table)).collect();
    let items = items
        .map_err(|error| unavailable("the store cannot be asked for this").caused_by(error))?;

    match send(place, items, patience).await? {
        Ok(()) => Ok(Attempt::Done(Outcome::Applied(draft.versions.clone()))),
        Err(Failure::Cancelled(reasons)) => judge(place, draft, &reasons, now).await,
        Err(Failure::Busy(error)) => Ok(Attempt::Busy(error)),
        Err(failure) => Err(failure.into_error()),
    }
}

/// Makes the request until it is answered. DynamoDB knows it again by its id, so that it has its effect once.
async fn send(
    place: Place<'_>,
    items: Vec<TransactWriteItem>,
    patience: &mut Patience<'_>,
) -> Result<Result<(), Failure>> {
    let id = hex(place.host.random().into_iter().take(16));
    let mut unanswered = false;
    loop {
        let request = place.client.transact_write_items().client_request_token(&id);
        let sent = request.set_transact_items(Some(items.clone())).send().await;
        match sent.map_err(Failure::from) {
            Ok(_) => return Ok(Ok(())),
            Err(Failure::Unknown(error)) => {
                unanswered = true;
                patience.pause_unanswered(error).await?;
            }
            // What it meets may be itself, and another request could then be applied beside it.
            Err(Failure::Busy(error)) if unanswered => patience.pause(error).await?,
            Err(Failure::Cancelled(reasons)) if unanswered && reasons.iter().any(is_busy) => {
                patience.pause(busy()).await?;
            }
            Err(failure) => return Ok(Err(failure)),
        }
    }
}

async fn judge(
    place: Place<'_>,
    draft: &mut Draft<'_>,
    reasons: &[CancellationReason],
    now: Timestamp,
) -> Result<Attempt> {
    let (writes, token) =
        reasons.split_at_checked(draft.commit.writes.len()).unwrap_or((reasons, &[]));
    match token {
        // Perhaps by this very commit.
        [token] if is_busy(token) => return Ok(Attempt::Busy(busy())),
        [token] if failed(token) => {
            return Ok(match remembered(place, draft, token.item()).await? {
                Some(outcome) => Attempt::Done(outcome),
                None => Attempt::Mistaken,
            });
        }
        _ => {}
    }
    for (index, reason) in writes.iter().enumerate() {
        if failed(reason) {
            if let Some(why) = draft.judge(index, reason.item(), now)? {
                return refused(place, draft, Outcome::Refused { write: index, why }).await;
            }
        } else if is_busy(reason) {
            return Ok(Attempt::Busy(busy()));
        } else if reason.code().is_some_and(|code| code != "None") {
            let why = reason.message().unwrap_or_default().to_owned();
            return Err(unavailable("the store refused to work").caused_by(why));
        }
    }
    Ok(Attempt::Mistaken)
}

fn failed(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

fn is_busy(reason: &CancellationReason) -> bool {
    matches!(
        reason.code(),
        Some("TransactionConflict" | "ProvisionedThroughputExceeded" | "ThrottlingError")
    )
}

/// A refusal, unless the commit was applied before: that is what its own writes may have met.
async fn refused(place: Place<'_>, draft: &Draft<'_>, refusal: Outcome) -> Result<Attempt> {
    let applied = remembered(place, draft, None).await?;
    Ok(Attempt::Done(applied.unwrap_or(refusal)))
}

/// What became of the commit when it was applied before; `found` is the item of its token, if it is at hand.
async fn remembered(
    place: Place<'_>,
    draft: &Draft<'_>,
    found: Option<&Item>,
) -> Result<Option<Outcome>> {
    let Some(token) = &draft.commit.token else { return Ok(None) };
    let read;
    let found = match found {
        Some(found) => Some(found),
        None => {
            let key = item::token_key(&draft.commit.tenant, token);
            read = records::read(place, key).await?;
            read.as_ref()
        }
    };
    match found {
        Some(item) if item::lives(item, place.host.now())? => {
            let versions: Vec<Option<Version>> = item::versions_given(item)?;
            Ok(Some(Outcome::Applied(versions)))
        }
        _ => Ok(None),
    }
}
