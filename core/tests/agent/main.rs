//! The agent loop.
#![cfg(test)]

mod bench;
mod conversations;
mod dialects;
mod endings;
mod missing;
mod money;
mod replay;
mod resuming;
mod steps;
