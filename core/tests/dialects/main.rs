//! Any client reaches any provider, and nothing is lost on the way.
//!
//! The data files are what callers and providers send, after the vendors' API references: `requests/` holds
//! one request for each dialect that is served, `answers/` and `errors/` one answer for each dialect that is
//! called, and `meant.json` what all those of a case mean. Each goes through a gateway, and both what it
//! sends and what that means are checked.
#![cfg(test)]

mod answers;
mod bench;
mod broken;
mod errors;
mod fields;
mod losses;
mod meaning;
mod promises;
mod requests;
