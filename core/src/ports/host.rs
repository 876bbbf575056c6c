//! What a process is given by the machine it runs on.

use std::{fmt, ops::Add, time::Duration};

use async_trait::async_trait;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// Time, randomness and background work.
///
/// # Contract
///
/// 1. [`elapsed`](Self::elapsed) never goes back; [`now`](Self::now) may, when the clock is set.
/// 2. [`sleep`](Self::sleep) returns no earlier than asked, and dropping its future cancels it.
/// 3. A [`spawn`](Self::spawn)ed future is run to its end while the process lives, whether or not
///    the request that spawned it still exists.
/// 4. [`random`](Self::random) is fit for secrets.
#[async_trait]
pub trait Host: fmt::Debug + Send + Sync {
    /// The present, on the wall clock.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment in the life of the process.
    fn elapsed(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, time: Duration);

    /// Runs `work` beside everything else.
    fn spawn(&self, work: BoxFuture<'static, ()>);

    /// 32 random bytes.
    fn random(&self) -> [u8; 32];
}

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(later.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// Bytes in hexadecimal digits, as ids are written.
pub fn hex(bytes: impl Iterator<Item = u8>) -> String {
    let mut text = String::with_capacity(bytes.size_hint().0 * 2);
    let digits = bytes.flat_map(|byte| [byte >> 4, byte & 15]);
    text.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
    text
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(hex([0x00, 0x0f, 0xa0, 0xff].into_iter()), "000fa0ff");
    }
}
