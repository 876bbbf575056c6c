//! What models print, read as what they meant.

#![cfg(test)]

mod any_text;
mod bounds;
mod corpus;
mod emulation;
mod events;
mod reader;
