//! The gateway, without the world it runs in.
//!
//! Read the modules in this order; each one only uses those above it.
//!
//! | module        | holds                                                                |
//! |---------------|----------------------------------------------------------------------|
//! | [`error`]     | the one error type, its codes, and what a caller can do about each   |
//! | [`money`]     | integer nano-dollars and the prices of models                        |
//! | [`operation`] | what a call of a provider is for                                     |
//! | [`chat`]      | the vocabulary: requests, messages, events, usage, their grammar     |
//! | [`embeddings`] | texts as vectors                                                    |
//! | [`moderation`]| what may be harmful in a text, and a word list that looks for it     |
//! | [`parse`]     | thoughts and tool calls that models print as text                    |
//! | [`ports`]     | the traits through which the gateway reaches the outside             |
//! | [`emulate`]   | tools for models that have none, in words                            |
//! | [`memory`]    | in-process implementations of the storage ports                      |
//! | [`blobs`]     | blobs on top of the storage port, where there is no store for them   |
//! | [`queue`]     | a queue on top of the storage port                                   |
//! | [`alarm`]     | a timer that is set again and again                                  |
//! | [`wire`]      | providers' and clients' bytes to and from the vocabulary             |
//! | [`settings`]  | every setting: name, default, help text                              |
//! | [`tenant`]    | what holds for one tenant: settings, file and store in a cascade     |
//! | [`catalog`]   | providers, models and routes: read from YAML, and names resolved     |
//! | [`inference`] | calling a provider over the HTTP port                                |
//! | [`accounting`]| budgets, holds and receipts on top of the storage port               |
//! | [`files`]     | files and pictures that tenants keep, on top of both storage ports   |
//! | [`rates`]     | requests and tokens per minute, on top of the storage port           |
//! | [`keys`]      | API keys: minted, stored as digests, verified                        |
//! | [`sandbox`]   | a sandbox elsewhere, reached over the HTTP port                      |
//! | [`seal`]      | a provider's signed thoughts, sealed for their way through a caller  |
//! | [`agents`]      | a model with instructions and limits, under a name                   |
//! | [`mcp`]       | sessions of clients of the Model Context Protocol                    |
//! | [`conversation`] | conversations that are kept, claimed by who is about to write them  |
//! | [`responses`] | answers that are kept, to be read and continued by their id          |
//! | [`runs`]      | requests that outlive the process that took them                     |
//! | [`tools`]     | tools that the gateway runs itself                                    |
//! | [`agent`]     | the agent loop: what comes next, as a pure function of what was recorded |
//! | [`telemetry`] | the metrics of the process                                           |
//! | [`gateway`]   | the pipeline one request walks through, one module per stage         |
//!
//! **Invariant.** This crate performs no I/O, reads no clock, no environment and no randomness, and
//! spawns nothing. It compiles for `wasm32-wasip2` exactly as it does for Linux. `core/clippy.toml`
//! and `tests/system/tests/layering.rs` hold it to that.

pub mod accounting;
pub mod agent;
pub mod agents;
pub mod alarm;
pub mod blobs;
pub mod catalog;
pub mod chat;
pub mod conversation;
pub mod embeddings;
pub mod emulate;
pub mod error;
pub mod files;
pub mod gateway;
pub mod inference;
pub mod keys;
pub mod mcp;
pub mod memory;
pub mod moderation;
pub mod money;
mod near;
pub mod operation;
pub mod parse;
pub mod ports;
pub mod queue;
pub mod rates;
pub mod responses;
pub mod runs;
pub mod sandbox;
pub mod seal;
pub mod settings;
pub mod telemetry;
pub mod tenant;
pub mod tools;
pub mod wire;

pub use error::{Code, Error, Kind, Result};
