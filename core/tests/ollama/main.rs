//! Ollama's own API, as we call it.

#![cfg(test)]

mod answers;
mod requests;
