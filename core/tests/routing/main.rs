//! Which provider is asked, and who is asked next when one fails.
#![cfg(test)]

mod bench;
mod credentials;
mod emulation;
mod fallback;
mod names;
mod prefixes;
mod rescue;
