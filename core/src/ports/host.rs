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

const SECONDS_PER_DAY: u64 = 86_400;

impl Timestamp {
    /// The date and time in UTC to the second (RFC 3339), by the method of Howard Hinnant's
    /// `civil_from_days`.
    pub fn rfc3339(self) -> String {
        let seconds = self.0 / 1000;
        let (days, time) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
        let shifted = days + 719_468;
        let (era, day) = (shifted / 146_097, shifted % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// The day of the week in UTC, in English.
    pub fn weekday(self) -> &'static str {
        const DAYS: [&str; 7] =
            ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
        // The first of January 1970 was a Thursday.
        let day = usize::try_from(self.0 / 1000 / SECONDS_PER_DAY % 7).unwrap_or_default();
        DAYS.get(day).copied().unwrap_or_default()
    }
}

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
    use super::*;

    #[test]
    fn moments_are_dates_and_days() {
        for (seconds, date, day) in [
            (0, "1970-01-01T00:00:00Z", "Thursday"),
            (951_827_696, "2000-02-29T12:34:56Z", "Tuesday"),
            (1_798_761_599, "2026-12-31T23:59:59Z", "Thursday"),
        ] {
            let moment = Timestamp(seconds * 1000);
            assert_eq!((moment.rfc3339().as_str(), moment.weekday()), (date, day));
        }
    }

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(hex([0x00, 0x0f, 0xa0, 0xff].into_iter()), "000fa0ff");
    }
}
