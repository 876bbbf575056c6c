//! What outlives a request: responses that are kept, and thoughts that are sealed.
#![cfg(test)]

mod bench;
mod continuing;
mod keeping;
mod references;
mod sealing;
mod thoughts;
