//! What reading a piece of a provider's answer yields.

use crate::chat::Event;

/// Where events go, and whether they say exactly what the provider's bytes say.
#[derive(Debug, Default)]
pub(in crate::wire) struct Out {
    pub(in crate::wire) events: Vec<Event>,
    /// Something had to be mended, ignored or held back.
    pub(in crate::wire) inexact: bool,
}
