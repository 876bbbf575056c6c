//! Long lists, a page at a time.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rmcp::model::ErrorData;

/// How many entries a page has.
const PAGE: usize = 100;

/// Some of `entries`, which are in the order of their keys, and the cursor of those that follow. A cursor
/// names the entry before, so it means the same to every process, and while entries come and go.
pub(super) fn page<'a, T>(
    entries: impl Iterator<Item = &'a T>,
    key: impl Fn(&T) -> &str,
    cursor: Option<&str>,
) -> Result<(Vec<&'a T>, Option<String>), ErrorData> {
    let after = cursor.map(read).transpose()?;
    let mut rest =
        entries.filter(|entry| after.as_deref().is_none_or(|after| key(entry) > after)).peekable();
    let some: Vec<&T> = rest.by_ref().take(PAGE).collect();
    let more = rest.peek().is_some();
    let next = some.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
    Ok((some, next))
}

fn read(cursor: &str) -> Result<String, ErrorData> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
        let why = "Invalid params: `cursor` is none that was given out";
        ErrorData::invalid_params(why, None)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_every_entry_once_whatever_is_added_in_between() {
        let mut entries: Vec<String> = (0..250).map(|number| format!("{number:03}")).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (some, next) =
                page(entries.iter(), |entry| entry.as_str(), cursor.as_deref()).unwrap();
            seen.extend(some.into_iter().cloned());
            // Before all that was seen: it moves no page.
            entries.insert(0, format!("!{}", 250 - seen.len()));
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 250);
        assert!(seen.is_sorted());
    }

    #[test]
    fn a_cursor_of_somebody_elses_making_is_refused() {
        let none: [String; 0] = [];
        assert!(page(none.iter(), |entry| entry.as_str(), Some("?")).is_err());
    }
}
