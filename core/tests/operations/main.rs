//! The operations beside chat, through the same pipeline.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod bench;
mod completions;
mod embedding_providers;
mod embeddings;
mod moderations;
