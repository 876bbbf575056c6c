//! What the tools of this package share.

pub mod answers;
