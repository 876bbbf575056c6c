//! Whether a server keeps what it was told when its memory is full.

use crate::{failure::Failure, request::Request};

/// Asks a server what becomes of what it keeps.
pub fn how_it_keeps() -> Request {
    let mut question = Request::command("INFO");
    question.arg("memory");
    question
}

/// Refuses a server that forgets what it was told when its memory is full: budgets would be free again.
/// One that says nothing of it is trusted.
///
/// # Errors
///
/// Its policy, if that is not to refuse what it has no room for.
pub fn assert_keeps(answer: &[Vec<u8>]) -> Result<(), Failure> {
    let memory = answer.first().map(|it| String::from_utf8_lossy(it)).unwrap_or_default();
    let said = |name: &str| memory.lines().find_map(|line| line.strip_prefix(name));
    match said("maxmemory_policy:") {
        Some(policy) if policy != "noeviction" && said("maxmemory:") != Some("0") => {
            Err(Failure::forgetful(policy))
        }
        _ => Ok(()),
    }
}
