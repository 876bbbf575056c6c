//! Commits: attempted until they are applied or refused.

use std::time::Duration;

use aws_sdk_dynamodb::{Client, types::ReturnValuesOnConditionCheckFailure::AllOld};
use dormouse_core::{
    Result,
    ports::{Commit, Host, Outcome, Refusal, TOKEN_MEMORY, Timestamp, Version, Write},
};

use crate::{
    failure::{Failure, busy},
    item::{self, Item},
    operation::{Change, Moment, Operation, Parts},
    patience::Patience,
    transaction,
};

/// Where a commit is made.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) client: &'a Client,
    pub(crate) table: &'a str,
    pub(crate) host: &'a dyn Host,
    pub(crate) timeout: Duration,
}

impl<'a> Place<'a> {
    /// The pauses of a call.
    pub(crate) fn patience(&self) -> Patience<'a> {
        Patience::new(self.host, self.timeout)
    }
}

/// What came of one attempt.
pub(crate) enum Attempt {
    /// That was it.
    Done(Outcome),
    /// A record was not as expected. Now it is known how it is.
    Mistaken,
    /// Others kept the store busy.
    Busy(dormouse_core::Error),
}

/// A commit, and what is known of the records that it meets.
pub(crate) struct Draft<'a> {
    pub(crate) commit: &'a Commit,
    /// The version that each record will have; `None` for one that is deleted.
    pub(crate) versions: Vec<Option<Version>>,
    /// The records that are known to have expired.
    expired: Vec<bool>,
}

/// Applies a commit, or says why not.
pub(crate) async fn apply(place: Place<'_>, commit: &Commit) -> Result<Outcome> {
    let mut draft = Draft::new(commit, place.host);
    let mut patience = place.patience();
    loop {
        let attempt = match (&commit.token, &commit.writes[..]) {
            (None, [write]) => draft.alone(place, write).await?,
            _ => transaction::attempt(place, &mut draft, &mut patience).await?,
        };
        match attempt {
            Attempt::Done(outcome) => return Ok(outcome),
            Attempt::Mistaken => patience.pause(busy()).await?,
            Attempt::Busy(error) => patience.pause(error).await?,
        }
    }
}

impl<'a> Draft<'a> {
    fn new(commit: &'a Commit, host: &dyn Host) -> Self {
        let version = |write: &Write| match write {
            Write::Delete { .. } => None,
            Write::Put { .. } | Write::Add { .. } => {
                let drawn = *host.random().first_chunk()?;
                Some(Version(u64::from_le_bytes(drawn)))
            }
        };
        let versions = commit.writes.iter().map(version).collect();
        Self { commit, versions, expired: vec![false; commit.writes.len()] }
    }

    /// What is asked for write number `index`, or why it is refused.
    pub(crate) fn operation(
        &self,
        index: usize,
        write: &Write,
        now: Timestamp,
    ) -> Result<Operation, Refusal> {
        let version = self.versions.get(index).copied().flatten().unwrap_or(Version(0));
        let anew = self.expired.get(index).copied().unwrap_or_default();
        Operation::of(&self.commit.tenant, write, Moment { now, version, anew })
    }

    /// The item that remembers the commit by its token.
    pub(crate) fn reminder(&self, token: &str, now: Timestamp) -> Operation {
        let mut attributes = Item::from([(item::GIVEN.to_owned(), item::given(&self.versions))]);
        item::expire(&mut attributes, now + TOKEN_MEMORY);
        Operation::create(item::token_key(&self.commit.tenant, token), attributes, now)
    }

    /// Why write number `index` is refused by the item that it met, if it is. If not, the next attempt is made
    /// for that item.
    pub(crate) fn judge(
        &mut self,
        index: usize,
        met: Option<&Item>,
        now: Timestamp,
    ) -> Result<Option<Refusal>> {
        let live = match met {
            Some(item) if item::lives(item, now)? => Some(item),
            _ => None,
        };
        let current = match live {
            Some(item) => Some((item::version(item)?, item::counters(item)?)),
            None => None,
        };
        let Some(write) = self.commit.writes.get(index) else { return Ok(None) };
        let current = current.as_ref().map(|(version, counters)| (*version, counters));
        if let Err(why) = write.decide(current) {
            return Ok(Some(why));
        }
        if let Some(expired) = self.expired.get_mut(index) {
            *expired = met.is_some() && live.is_none();
        }
        Ok(None)
    }

    /// One write without a token: one conditional write.
    async fn alone(&mut self, place: Place<'_>, write: &Write) -> Result<Attempt> {
        let now = place.host.now();
        let refused = |why| Ok(Attempt::Done(Outcome::Refused { write: 0, why }));
        let operation = match self.operation(0, write, now) {
            Ok(operation) => operation,
            Err(why) => return refused(why),
        };
        match send(place, operation.into_parts()).await {
            Ok(()) => Ok(Attempt::Done(Outcome::Applied(self.versions.clone()))),
            Err(Failure::Condition(met)) => match self.judge(0, met.as_ref(), now)? {
                Some(why) => refused(why),
                None => Ok(Attempt::Mistaken),
            },
            Err(Failure::Busy(error)) => Ok(Attempt::Busy(error)),
            // It may have been applied, so it is not made again.
            Err(failure) => Err(failure.into_error()),
        }
    }
}

async fn send(place: Place<'_>, parts: Parts) -> Result<(), Failure> {
    match parts.change {
        Change::Put(item) => {
            let put = place.client.put_item().table_name(place.table).set_item(Some(item));
            put.set_condition_expression(parts.condition)
                .set_expression_attribute_names(parts.names)
                .set_expression_attribute_values(parts.values)
                .return_values_on_condition_check_failure(AllOld)
                .send()
                .await?;
        }
        Change::Update(change) => {
            let update =
                place.client.update_item().table_name(place.table).update_expression(change);
            update
                .set_key(Some(parts.key))
                .set_condition_expression(parts.condition)
                .set_expression_attribute_names(parts.names)
                .set_expression_attribute_values(parts.values)
                .return_values_on_condition_check_failure(AllOld)
                .send()
                .await?;
        }
        Change::Delete => {
            let delete =
                place.client.delete_item().table_name(place.table).set_key(Some(parts.key));
            delete
                .set_condition_expression(parts.condition)
                .set_expression_attribute_names(parts.names)
                .set_expression_attribute_values(parts.values)
                .return_values_on_condition_check_failure(AllOld)
                .send()
                .await?;
        }
    }
    Ok(())
}
