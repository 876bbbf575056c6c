//! Conversations that are kept: continued, cut, compacted, and written by one at a time.
#![cfg(test)]

mod agents;
mod any_order;
mod bench;
mod compacting;
mod continuing;
mod keeping;
mod pictures;
mod showing;
mod writers;
