//! The grammar of events, and the OpenAI chat format in both directions.

#![cfg(test)]

mod answer_calls;
mod answer_odd;
mod answer_passing;
mod answer_reading;
mod answer_writing;
mod answers_survive;
mod errors;
mod grammar;
mod legal;
mod provider;
mod request_reading;
mod request_refused;
mod request_writing;
mod usage;
