//! A queue on top of [`Records`]: for every host, since each has a store.
//!
//! A message is one record, named by the time at which it falls due. Handing it out moves it to the end of the
//! lease, in one commit on the condition that nobody else has: so of two who pull one wins, and a process that
//! dies has to do nothing for its message to come back. Times are those of the processes' own clocks; where
//! these differ, a message may be handed out earlier or later by the difference.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Code, Error, Result,
    keys::GATEWAY,
    ports::{
        Commit, Delivery, Host, KEY_MEMORY, MAX_DELIVERIES, MAX_PULLED, Message, Outcome, Page,
        Queue, Record, Records, Timestamp, Version, When, Write, hex,
    },
};

/// How long messages that were set aside are kept.
const DEAD_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many more messages than are wanted are looked at: others may take some of them meanwhile.
const SPARE: u32 = 2 * MAX_PULLED;

/// Queues kept in a store.
#[derive(Clone, Debug)]
pub struct RecordsQueue {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
}

/// A message as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    body: String,
    deliveries: u32,
}

impl RecordsQueue {
    /// Queues in `records`, by the clock of `host`.
    pub fn new(records: Arc<dyn Records>, host: Arc<dyn Host>) -> Self {
        Self { records, host }
    }

    /// An id that falls due after `delay`.
    fn due(&self, delay: Duration) -> String {
        let random = hex(self.host.random().into_iter().take(10));
        format!("{:012x}-{random}", (self.host.now() + delay).0)
    }

    /// Moves a message, if it is still where it was seen. Returns the version that it has there.
    async fn shift(
        &self,
        queue: &str,
        (from, seen): (&str, Version),
        to: Option<(&str, &Stored)>,
    ) -> Result<Option<Version>> {
        let messages = messages(queue);
        let mut writes = Vec::with_capacity(2);
        if let Some((id, stored)) = to {
            writes.push(Write::put_when(&messages, id, json(stored)?, When::Absent));
        }
        writes.push(Write::delete_when(&messages, from, When::Version(seen)));
        match self.records.commit(Commit::new(GATEWAY, writes)).await? {
            Outcome::Applied(versions) => {
                Ok(Some(versions.first().copied().flatten().unwrap_or(seen)))
            }
            Outcome::Refused { .. } => Ok(None),
        }
    }

    /// Hands a message out, unless somebody else was quicker or it was handed out too often.
    async fn hand_out(
        &self,
        queue: &str,
        record: &Record,
        lease: Duration,
    ) -> Result<Option<Delivery>> {
        let mut stored: Stored = read(record)?;
        if stored.deliveries >= MAX_DELIVERIES {
            return self.set_aside(queue, record).await.map(|()| None);
        }
        stored.deliveries += 1;
        let id = self.due(lease);
        let moved = self.shift(queue, (&record.id, record.version), Some((&id, &stored))).await?;
        let Stored { body, deliveries } = stored;
        Ok(moved.map(|Version(at)| Delivery { body, deliveries, handle: format!("{id}@{at}") }))
    }

    async fn set_aside(&self, queue: &str, record: &Record) -> Result<()> {
        let until = self.host.now() + DEAD_FOR;
        let value = record.value.clone();
        let writes = vec![
            Write::put_until(dead(queue), &record.id, value, until, When::Any),
            Write::delete_when(messages(queue), &record.id, When::Version(record.version)),
        ];
        if let Outcome::Applied(_) = self.records.commit(Commit::new(GATEWAY, writes)).await? {
            tracing::error!(queue, message = record.id, "a message was handed out too often");
        }
        Ok(())
    }

    /// Moves a message that was handed out to where it falls due after `delay`.
    async fn put_off(
        &self,
        queue: &str,
        delivery: &Delivery,
        delay: Duration,
    ) -> Result<Option<String>> {
        let (id, seen) = place(delivery)?;
        let stored = Stored { body: delivery.body.clone(), deliveries: delivery.deliveries };
        let due = self.due(delay);
        let moved = self.shift(queue, (id, seen), Some((&due, &stored))).await?;
        Ok(moved.map(|Version(at)| format!("{due}@{at}")))
    }
}

#[async_trait]
impl Queue for RecordsQueue {
    async fn enqueue(&self, queue: &str, message: Message) -> Result<bool> {
        message.validate(queue)?;
        let stored = Stored { body: message.body, deliveries: 0 };
        let id = self.due(message.delay);
        let mut writes = vec![Write::put_when(messages(queue), &id, json(&stored)?, When::Absent)];
        if let Some(key) = message.key {
            let until = self.host.now() + KEY_MEMORY;
            writes.push(Write::put_until(keys(queue), key, Vec::new(), until, When::Absent));
        }
        match self.records.commit(Commit::new(GATEWAY, writes)).await? {
            Outcome::Applied(_) => Ok(true),
            Outcome::Refused { write: 0, .. } => {
                Err(Error::new(Code::Conflict, "the new message's id is taken: try again"))
            }
            Outcome::Refused { .. } => Ok(false),
        }
    }

    async fn pull(&self, queue: &str, most: u32, lease: Duration) -> Result<Vec<Delivery>> {
        Delivery::validate(queue, most, lease)?;
        let Timestamp(now) = self.host.now();
        let before = Some(format!("{:012x}", now.saturating_add(1)));
        let page = Page { before, limit: most + SPARE, ..Page::default() };
        let wanted = usize::try_from(most).unwrap_or(usize::MAX);
        let mut pulled = Vec::new();
        for record in self.records.page(GATEWAY, &messages(queue), page).await? {
            if pulled.len() == wanted {
                break;
            }
            pulled.extend(self.hand_out(queue, &record, lease).await?);
        }
        Ok(pulled)
    }

    async fn extend(&self, queue: &str, delivery: &mut Delivery, lease: Duration) -> Result<bool> {
        Delivery::validate(queue, 1, lease)?;
        let put_off = self.put_off(queue, delivery, lease).await?;
        let extended = put_off.is_some();
        if let Some(handle) = put_off {
            delivery.handle = handle;
        }
        Ok(extended)
    }

    async fn acknowledge(&self, queue: &str, delivery: Delivery) -> Result<bool> {
        Delivery::validate(queue, 1, Duration::ZERO)?;
        let (id, seen) = place(&delivery)?;
        // The removal of what is not there is refused, since its version is named.
        Ok(self.shift(queue, (id, seen), None).await?.is_some())
    }

    async fn give_back(&self, queue: &str, delivery: Delivery, delay: Duration) -> Result<bool> {
        Delivery::validate(queue, 1, delay)?;
        Ok(self.put_off(queue, &delivery, delay).await?.is_some())
    }

    async fn dead(&self, queue: &str, most: u32) -> Result<Vec<Message>> {
        Delivery::validate(queue, most, Duration::ZERO)?;
        let page = Page { limit: most, ..Page::default() };
        let found = self.records.page(GATEWAY, &dead(queue), page).await?;
        found.iter().map(|record| Ok(Message::new(read(record)?.body))).collect()
    }
}

fn messages(queue: &str) -> String {
    format!("queue.{queue}")
}

fn keys(queue: &str) -> String {
    format!("queue.{queue}.keys")
}

fn dead(queue: &str) -> String {
    format!("queue.{queue}.dead")
}

/// Where a message is that was handed out.
fn place(delivery: &Delivery) -> Result<(&str, Version)> {
    let read = || {
        let (id, version) = delivery.handle.split_once('@')?;
        Some((id, Version(version.parse().ok()?)))
    };
    read().ok_or_else(|| Error::invalid("handle", "is none that this queue made"))
}

fn read(record: &Record) -> Result<Stored> {
    serde_json::from_slice(&record.value).map_err(|error| {
        Error::new(Code::Internal, "a stored message cannot be read").caused_by(error)
    })
}

fn json(stored: &Stored) -> Result<Vec<u8>> {
    serde_json::to_vec(stored)
        .map_err(|error| Error::new(Code::Internal, "a message cannot be stored").caused_by(error))
}
