//! Gemini's API, as we call it.

#![cfg(test)]

mod answers;
mod errors;
mod requests;
mod transcript;
mod usage;
