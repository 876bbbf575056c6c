//! Calls in fenced blocks, at the very end of an answer. A block with words after it is shown, not meant.

use super::{
    super::{
        cursor::{Cursor, End, Read, Stop, begun, first},
        offered::{Arguments, Offered, Printed},
    },
    Printout, nothing_else,
    objects::{self, Trust},
    tags,
};

/// What a block may say that it holds, where it holds calls as data.
const DATA: [&str; 9] = [
    "",
    "json",
    "tool_call",
    "tool_calls",
    "tool_code",
    "tool_use",
    "tool",
    "function_call",
    "xml",
];
/// Words for a shell, and for Python.
const CODE: [&str; 7] = ["bash", "sh", "shell", "zsh", "python", "py", "python3"];
/// The longest word of these.
const MAX_LANGUAGE_BYTES: usize = 16;

const FENCE: &str = "```";

/// One block after another, and then the end of the answer.
pub(super) fn fenced(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    let mut calls = block(offered, cursor)?;
    loop {
        let mut here = *cursor;
        match nothing_else(&mut here) {
            Ok(()) => {
                *cursor = here;
                return Ok(Printout::unmarked(calls));
            }
            Err(Stop::More) => return Err(Stop::More),
            Err(_) => {}
        }
        cursor.white();
        calls.extend(begun(block(offered, cursor))?);
    }
}

fn block(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Vec<Printed>> {
    cursor.literal(FENCE)?;
    let language = language(offered, cursor)?;
    if CODE.contains(&language) {
        return begun(code(offered, language, cursor));
    }
    cursor.white();
    let calls = begun(data(offered, cursor))?;
    cursor.white();
    let closed = cursor.maybe(FENCE)? || (cursor.over()? && cursor.end() == End::Done);
    if closed && !calls.is_empty() { Ok(calls) } else { Err(Stop::Refused) }
}

/// The word behind the fence, if it is one that may hold calls to the tools that are offered.
fn language<'a>(offered: &Offered, cursor: &mut Cursor<'a>) -> Read<&'a str> {
    let start = *cursor;
    let known =
        |word: &str| DATA.contains(&word) || CODE.contains(&word) && offered.runner(word).is_some();
    let mut here = *cursor;
    let Ok(line) = here.line() else {
        let begun = start.rest();
        let may = DATA.iter().chain(&CODE).any(|word| word.starts_with(begun.trim_end()));
        return Err(if may && begun.len() <= MAX_LANGUAGE_BYTES { Stop::More } else { Stop::No });
    };
    let word = line.trim_end();
    if !known(word) || line.len() > MAX_LANGUAGE_BYTES {
        return Err(Stop::No);
    }
    *cursor = here;
    Ok(word)
}

/// Calls as JSON, in tags, or in Python.
fn data(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Vec<Printed>> {
    first(
        cursor,
        &[
            &|cursor| {
                let mut calls = objects::value(offered, Trust::Bare, None, cursor)?;
                loop {
                    let mut here = *cursor;
                    here.white();
                    match objects::value(offered, Trust::Bare, None, &mut here) {
                        Ok(more) => calls.extend(more),
                        Err(Stop::More) => return Err(Stop::More),
                        Err(_) => return Ok(calls),
                    }
                    *cursor = here;
                }
            },
            &|cursor| tags::plain(offered, cursor).map(|printout| printout.calls),
            &|cursor| {
                if cursor.maybe("print(")? {
                    let calls = tags::calls(cursor)?;
                    cursor.literal(")")?;
                    return Ok(calls);
                }
                tags::calls(cursor)
            },
        ],
    )
}

/// The text of a block, for the one tool that runs it.
fn code(offered: &Offered, language: &str, cursor: &mut Cursor<'_>) -> Read<Vec<Printed>> {
    let (tool, _) = offered.runner(language).ok_or(Stop::No)?;
    let text = cursor.until("\n```")?;
    let mut after = *cursor;
    after.blanks();
    if !after.over()? && after.peek()? != '\n' {
        return Err(Stop::Refused);
    }
    let text = text.trim_matches('\n');
    if text.trim().is_empty() || text.starts_with(FENCE) {
        return Err(Stop::Refused);
    }
    let arguments = Arguments::Code(text.to_owned());
    Ok(vec![Printed { name: tool.name.clone(), arguments }])
}
