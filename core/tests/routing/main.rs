//! Which provider is asked, and who is asked next when one fails.
#![cfg(test)]
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod bench;
mod credentials;
mod fallback;
mod names;
