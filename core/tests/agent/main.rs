//! The agent loop.
#![cfg(test)]

mod around;
mod bench;
mod conversations;
mod dialects;
mod endings;
mod files;
mod missing;
mod money;
mod replay;
mod resuming;
mod steps;
