//! `web_fetch` and `web_search`: what there is to read outside.
//!
//! An address that a model or a tenant chose must never lead to the gateway's own network: see
//! [`is_public`].

mod address;
mod fetch;
mod http;
mod page;
mod search;

pub use self::{
    address::{Target, is_public},
    fetch::WebFetch,
    search::{Hit, SearchEngine, WebSearch},
};
pub(super) use self::{
    http::{Fetched, MediaType, send},
    page::plain_text,
};
