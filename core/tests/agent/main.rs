//! The agent loop.
#![cfg(test)]

mod bench;
mod conversations;
mod dialects;
mod endings;
mod money;
mod replay;
mod resuming;
mod steps;
