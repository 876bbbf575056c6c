//! Conversations that are kept: what was said, to be continued by whoever names them.
//!
//! A conversation belongs to a tenant. Its *session* is the one record that changes: what is known of it, how
//! many turns it has, and perhaps a *claim*. A *turn* (what was asked, and the answer) is written once and
//! never changes, so that what models are shown of a conversation is the same bytes from request to request.
//!
//! | collection             | id                            | holds                                        |
//! |------------------------|-------------------------------|----------------------------------------------|
//! | `conversations`        | `conv_`, time, random         | the [`Session`]                              |
//! | `conversations.names`  | the caller's name for it      | the id of the conversation                   |
//! | `conversations.turns`  | conversation, number          | a [`Turn`], or where its pieces are          |
//! | `conversations.pieces` | conversation, number, receipt, number | a piece of a turn that is too large for one record |
//! | `conversations.contents` | time, conversation            | a note to look then whether its blobs are still needed |
//!
//! Pictures and documents that come inline are blobs, named `conversation/content`: what is in them names them,
//! so that one that is shown again is kept once.
//!
//! **Who writes.** A request claims its conversation in the commit that holds its money, and appends its turn
//! in the commit that books it, on the condition that nobody has written the session since. So of two requests
//! one is refused ([`ConversationBusy`](crate::Code::ConversationBusy)) before a model is called, a turn is
//! appended exactly once or not at all, and a history is always a line. A claim ends with the hold it came
//! with, at the latest when that expires: a process that died keeps no conversation busy.
//!
//! **How much is told.** A model is shown as many turns as it has room for ([`window`]). A conversation that has
//! grown long is *compacted*: archived, and succeeded by one that begins with a summary of it.
//!
//! **How long.** A session expires a lifetime after its last turn. Turns are given twice as long and are
//! renewed when that would be too short, so that an append usually writes the session and one turn.

pub(crate) mod apart;
mod opened;
mod policy;
mod prefix;
mod records;
mod session;
mod store;
pub(crate) mod summary;
mod turn;
pub mod window;

pub(crate) use opened::Addition;
pub use opened::Opened;
pub use policy::Policy;
pub use prefix::Prefix;
pub use session::{Session, is_id};
pub use store::{Conversations, Listed};
pub(crate) use store::{busy, unknown};
pub(crate) use turn::continues;
pub use turn::{Turn, transcript};

/// How a request names the conversation that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A new one is begun.
    New,
    /// The one with this id, which must exist.
    Id(String),
    /// The one that the tenant calls so: it is begun if there is none. A name that is an id means that
    /// conversation.
    Named(String),
    /// The one that an agent calls so. Agents send all that was said with each request, so nothing is put in
    /// front of theirs, and no request of theirs is refused for the sake of the conversation.
    Agent(String),
}

/// The most bytes that the messages of a conversation have together.
pub const MAX_BYTES: u64 = 8 << 20;

/// The most bytes that the pictures and documents of a conversation have together which are kept apart from its
/// messages. Each counts as often as it is shown.
pub const MAX_APART: u64 = 32 << 20;
