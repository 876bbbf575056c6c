//! Dates as text.

use dormouse_core::ports::Timestamp;

/// Seconds since the Unix epoch as a date and time (RFC 3339).
pub(crate) fn rfc3339(seconds: u64) -> String {
    Timestamp(seconds.saturating_mul(1000)).rfc3339()
}
