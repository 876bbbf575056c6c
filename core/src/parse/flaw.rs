//! What can be wrong with a printed call.

/// A call that was meant, and is not right. The answer goes on all the same; who likes may ask the model
/// once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The tool is not among those offered. The call stays text.
    UnknownTool {
        /// The name as the model wrote it.
        name: String,
    },
    /// The arguments are not JSON, nor anything that clearly was to be JSON. The call stays text.
    InvalidJson {
        /// The tool, if that much could be read.
        tool: Option<String>,
    },
    /// A required field is missing. The call is made as it is, for the tool to complain.
    MissingField {
        /// The tool.
        tool: String,
        /// The field, with dots between the names on the way to it.
        field: String,
    },
    /// A field is of another type than the tool's schema says. The call is made as it is.
    WrongType {
        /// The tool.
        tool: String,
        /// The field, with dots between the names on the way to it.
        field: String,
        /// The type it should have, as JSON Schema calls it.
        expected: String,
    },
    /// A call was asked for, and there is none.
    NoCall,
}
