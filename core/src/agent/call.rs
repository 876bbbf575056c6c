//! A call that a model made.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ports::hex;

/// Bytes of an idempotency key, before they are written as digits.
const KEY_BYTES: usize = 16;

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its place among the calls of its answer: 0, 1, 2, … Ids may be given twice, or not at all.
    pub index: u32,
    /// The id that ties the result to it.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON text, as the model wrote it.
    pub arguments: String,
}

impl Call {
    /// Whether `other` asks for the same: blanks and the order of fields do not matter.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        self.name == other.name
            && (self.arguments == other.arguments
                || read(&self.arguments)
                    .zip(read(&other.arguments))
                    .is_some_and(|(one, other)| one == other))
    }
}

/// The same text for the same call of the same step of a run, however often it is tried.
pub fn idempotency_key(run: &str, step: u32, call: &Call) -> String {
    let mut hash = Sha256::new();
    for text in [run, &step.to_string(), &call.index.to_string(), &call.id] {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hex(hash.finalize().into_iter().take(KEY_BYTES))
}
