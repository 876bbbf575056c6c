//! Work that waits for a process to do it.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::{Error, Result};

/// The longest body of a message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// The longest name of a queue, and the longest key of a message, in bytes.
pub const MAX_QUEUE_NAME_BYTES: usize = 128;
/// The most messages that one call hands out or lists.
pub const MAX_PULLED: u32 = 10;
/// How often a message is handed out; who does not acknowledge it the last time finds it set aside.
pub const MAX_DELIVERIES: u32 = 10;
/// How long the key of a message is remembered, at least.
pub const KEY_MEMORY: Duration = Duration::from_secs(300);
/// The longest delay of a message, and the longest lease: what the shortest of the queues to come allows.
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// Hands messages to whoever asks for work, each to one at a time.
///
/// # Contract
///
/// 1. **At least once.** A message that was accepted is handed out, and again whenever its lease ends before it
///    is acknowledged.
/// 2. **One at a time.** While a lease lasts, nobody else is handed the message.
/// 3. **Delay.** A message is not handed out before its delay is over. Otherwise the order is roughly that in
///    which messages fell due.
/// 4. **Extending** sets the end of a lease anew, counted from now. A delivery whose lease has ended, and that
///    was handed to another since, cannot be extended, acknowledged or given back: these calls say so with
///    `false` and change nothing.
/// 5. **Acknowledging** removes the message for good. **Giving back** makes it fall due after a delay.
/// 6. **Keys.** A message whose key was accepted in the same queue within [`KEY_MEMORY`] is not added again.
/// 7. **Dead letters.** A message that was handed out [`MAX_DELIVERIES`] times is set aside instead of being handed
///    out again, and listed by [`dead`](Self::dead).
/// 8. **Isolation.** Queues of different names know nothing of each other.
/// 9. **Limits** are served in full: [`MAX_MESSAGE_BYTES`], [`MAX_QUEUE_NAME_BYTES`], [`MAX_PULLED`], [`MAX_DELAY`]. Beyond
///    them, for an empty name and for one with other characters than `A–Z a–z 0–9 - _`, a call is
///    [`InvalidRequest`](crate::Code::InvalidRequest) and has no effect.
/// 10. A queue that cannot be reached is [`StoreUnavailable`](crate::Code::StoreUnavailable).
#[async_trait]
pub trait Queue: fmt::Debug + Send + Sync {
    /// Adds a message. `false`: one with its key was added before.
    async fn enqueue(&self, queue: &str, message: Message) -> Result<bool>;

    /// Takes up to `most` messages that are due, each for the time of `lease`.
    async fn pull(&self, queue: &str, most: u32, lease: Duration) -> Result<Vec<Delivery>>;

    /// Lets a lease last for `lease` from now.
    async fn extend(&self, queue: &str, delivery: &mut Delivery, lease: Duration) -> Result<bool>;

    /// Removes a message that is done with.
    async fn acknowledge(&self, queue: &str, delivery: Delivery) -> Result<bool>;

    /// Gives a message back, to be handed out after `delay`.
    async fn give_back(&self, queue: &str, delivery: Delivery, delay: Duration) -> Result<bool>;

    /// Up to `most` messages that were set aside.
    async fn dead(&self, queue: &str, most: u32) -> Result<Vec<Message>>;
}

/// What is added to a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub body: String,
    /// From when on it may be handed out.
    pub delay: Duration,
    /// Names the message, so that it is added once however often that is tried.
    pub key: Option<String>,
}

/// A message in the hands of one who works on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What it says.
    pub body: String,
    /// How often it was handed out, this time included.
    pub deliveries: u32,
    /// By which the queue knows this delivery.
    pub handle: String,
}

impl Message {
    /// A message that may be handed out at once.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// Whether every queue accepts it. Queues call it before anything else.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest), naming the field at fault.
    pub fn validate(&self, queue: &str) -> Result<()> {
        name("queue", queue)?;
        self.key.as_deref().map_or(Ok(()), |key| name("key", key))?;
        within("delay", self.delay)?;
        if self.body.len() > MAX_MESSAGE_BYTES {
            let at_most = format!("must have at most {MAX_MESSAGE_BYTES} bytes");
            return Err(Error::invalid("body", at_most));
        }
        Ok(())
    }
}

impl Delivery {
    /// Whether every queue can do what is asked of it. Queues call it before anything else; `time` is the lease
    /// or the delay.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest), naming the field at fault.
    pub fn validate(queue: &str, most: u32, time: Duration) -> Result<()> {
        name("queue", queue)?;
        within("time", time)?;
        if most == 0 || most > MAX_PULLED {
            return Err(Error::invalid("most", format!("must be 1 to {MAX_PULLED}")));
        }
        Ok(())
    }
}

fn name(field: &'static str, text: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if text.is_empty() || text.len() > MAX_QUEUE_NAME_BYTES || !text.bytes().all(allowed) {
        let why = format!("must be 1 to {MAX_QUEUE_NAME_BYTES} of A–Z a–z 0–9 - _");
        return Err(Error::invalid(field, why));
    }
    Ok(())
}

fn within(field: &'static str, time: Duration) -> Result<()> {
    if time > MAX_DELAY {
        return Err(Error::invalid(field, format!("must be at most {} s", MAX_DELAY.as_secs())));
    }
    Ok(())
}
