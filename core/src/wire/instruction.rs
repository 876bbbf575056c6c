//! Instructions (of the system or the developer) that come in the middle of a conversation, for formats
//! and models that know them only in front.

/// The words of an instruction, as part of the user's text: between `<system>` and `</system>`.
pub(super) fn among_the_users(text: &str) -> String {
    format!("<system>\n{text}\n</system>")
}
