//! The Anthropic messages format in both directions.

#![cfg(test)]

mod answer_passing;
mod answer_reading;
mod answer_writing;
mod answers_survive;
mod errors;
#[path = "../wire/legal.rs"]
mod legal;
mod prefix;
mod provider;
mod request_reading;
mod request_refused;
mod request_writing;
mod usage;
