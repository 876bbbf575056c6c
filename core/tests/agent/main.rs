//! The agent loop.
#![cfg(test)]

mod replay;
