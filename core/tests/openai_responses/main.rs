//! The OpenAI responses format in both directions.

#![cfg(test)]

mod answer_reading;
mod answer_writing;
mod answers_survive;
mod legal;
mod provider;
mod request_reading;
mod request_refused;
mod request_writing;
mod transcript;
