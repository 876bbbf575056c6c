//! `${NAME}` in a text stands for a variable of the environment, `$$` for a dollar sign.
//!
//! Only values that are already read are expanded, so whatever a variable holds, it cannot change what
//! the catalog says around it.

use std::borrow::Cow;

/// The text with every variable replaced, or everything that is wrong with it.
pub(super) fn expand<'a>(
    text: &'a str,
    look_up: &dyn Fn(&str) -> Option<String>,
) -> Result<Cow<'a, str>, Vec<String>> {
    if !text.contains('$') {
        return Ok(Cow::Borrowed(text));
    }
    let mut expanded = String::new();
    let mut wrong = Vec::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => expanded.push_str(text),
            Part::Variable(name) => match look_up(name) {
                Some(value) => expanded.push_str(&value),
                None => {
                    wrong.push(format!("needs the environment variable {name}, which is not set"));
                }
            },
            Part::Stray => wrong.push(
                "has a `$` that is neither `${NAME}` nor `$$`: write `$$` for a dollar sign"
                    .to_owned(),
            ),
        }
    }
    if wrong.is_empty() { Ok(Cow::Owned(expanded)) } else { Err(wrong) }
}

/// The variables that `text` names.
pub(super) fn variables(text: &str) -> impl Iterator<Item = &str> {
    parts(text).filter_map(|part| match part {
        Part::Variable(name) => Some(name),
        Part::Text(_) | Part::Stray => None,
    })
}

enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
    /// A dollar sign that means nothing.
    Stray,
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (part, after) = first(rest)?;
        rest = after;
        Some(part)
    })
}

fn first(text: &str) -> Option<(Part<'_>, &str)> {
    let Some(after) = text.strip_prefix('$') else {
        let (before, rest) = text.split_at(text.find('$').unwrap_or(text.len()));
        return (!before.is_empty()).then_some((Part::Text(before), rest));
    };
    if let Some(rest) = after.strip_prefix('$') {
        return Some((Part::Text("$"), rest));
    }
    let braced = after.strip_prefix('{').and_then(|it| it.split_once('}'));
    match braced.filter(|(name, _)| is_name(name)) {
        Some((name, rest)) => Some((Part::Variable(name), rest)),
        None => Some((Part::Stray, after)),
    }
}

/// Names of variables as shells have them (POSIX.1-2017, 3.235).
fn is_name(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|first| !first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
