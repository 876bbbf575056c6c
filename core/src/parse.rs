//! What small models really print, as the events it was meant to be: thoughts between tags, and tool
//! calls written as text.
//!
//! Both readers are pure and incremental. They take the [`Chunk`](crate::chat::Chunk)s of an answer and
//! give those of the same answer, legal by the same [`Grammar`](crate::chat::Grammar):
//!
//! 1. Wherever the text is cut, the result is the same.
//! 2. Nothing is lost: what turns out to be neither a tag nor a call comes out as the text it was. Only
//!    the marks themselves disappear, and the white space around them.
//! 3. Only what may be the beginning of a mark or of a call is held back, and no more than
//!    [`MAX_CALL_BYTES`] of it. What cannot be one anymore flows at once.
//! 4. What is shown is not meant: nothing is found between backticks, in a block of code with words
//!    after it, behind words like *for example*, or in thoughts.
//! 5. A call names a tool of the request, and its arguments are a JSON object. What cannot be put right
//!    is a [`Flaw`].

mod arguments;
mod calls;
mod code;
mod cursor;
mod flaw;
mod forms;
mod json;
mod mend;
mod offered;
mod place;
mod reasoning;
mod rewrite;

pub use calls::{CallOptions, MAX_CALL_BYTES, PrintedCalls};
pub use flaw::Flaw;
pub use mend::{Flawed, MendedCalls};
pub(crate) use offered::{CUSTOM_INPUT, schema};
pub use reasoning::{ReasoningMarks, ReasoningTags};
pub use rewrite::{CallIds, Rewritten};
