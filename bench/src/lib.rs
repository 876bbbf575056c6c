//! What the tools of this package share.

pub mod answers;
pub mod conversations;
pub mod transcripts;
