//! Calls between tags: `<tool_call>…</tool_call>` and its relatives.

use super::{
    super::{
        cursor::{Cursor, End, Read, Stop, begun, first},
        json,
        offered::{Arguments, Offered, Printed},
    },
    Printout,
    objects::{self, Trust},
    xml,
};

/// Tags in letters, which an answer may also talk about. Hermes, Qwen, GLM, MiniMax, Anthropic.
const PLAIN: [(&str, &str); 9] = [
    ("<tool_call>", "</tool_call>"),
    ("<tool_calls>", "</tool_calls>"),
    ("<tools>", "</tools>"),
    ("<tool_use>", "</tool_use>"),
    ("<toolcall>", "</toolcall>"),
    ("<function_call>", "</function_call>"),
    ("<function_calls>", "</function_calls>"),
    ("<functioncall>", "</functioncall>"),
    ("<minimax:tool_call>", "</minimax:tool_call>"),
];

/// Llama's token, behind which code may stand as well.
const PYTHON: &str = "<|python_tag|>";

/// Tags that are tokens of their own. Llama, LFM2, Phi-4 and Granite, Cohere.
const SPECIAL: [(&str, &str); 5] = [
    (PYTHON, "<|eom_id|>"),
    ("<|tool_call_start|>", "<|tool_call_end|>"),
    ("<|tool_call|>", "<|/tool_call|>"),
    ("<|tool_call>", "<tool_call|>"),
    ("<|START_ACTION|>", "<|END_ACTION|>"),
];

/// Tags that are tokens are always meant.
pub(super) fn special(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    let opening = cursor.any(SPECIAL.map(|(open, _)| open))?;
    let close = closing(&SPECIAL, opening)?;
    begun(first(
        cursor,
        &[&|cursor| tagged(offered, close, cursor), &|cursor| {
            if opening == PYTHON { python(offered, close, cursor) } else { Err(Stop::No) }
        }],
    ))
}

/// Tags at the start of a line, or an element that needs no tag around it.
pub(super) fn plain(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    if cursor.peek()? != '<' {
        return Err(Stop::No);
    }
    first(
        cursor,
        &[
            &|cursor| {
                let opening = cursor.any(PLAIN.map(|(open, _)| open))?;
                begun(tagged(offered, closing(&PLAIN, opening)?, cursor))
            },
            &|cursor| xml::call(cursor).map(|call| Printout::marked(vec![call])),
        ],
    )
}

/// The same behind other words. With more words behind it, it is talked about.
pub(super) fn within_line(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    let printout = plain(offered, cursor)?;
    let mut here = *cursor;
    here.blanks();
    let alone = here.over()? || matches!(here.peek()?, '\n' | '<');
    if alone { Ok(printout) } else { Err(Stop::Refused) }
}

fn closing(tags: &[(&str, &'static str)], opening: &str) -> Read<&'static str> {
    tags.iter().find(|(open, _)| *open == opening).map(|(_, close)| *close).ok_or(Stop::No)
}

/// What stands between tags, and the closing one, which may be missing.
fn tagged(offered: &Offered, close: &str, cursor: &mut Cursor<'_>) -> Read<Printout> {
    cursor.white();
    let mut calls = body(offered, close, cursor)?;
    loop {
        let mut here = *cursor;
        here.white();
        if here.maybe(close)? {
            *cursor = here;
            return Ok(Printout::marked(calls));
        }
        match body(offered, close, &mut here) {
            Ok(more) if !more.is_empty() => {
                calls.extend(more);
                *cursor = here;
            }
            Err(Stop::More) => return Err(Stop::More),
            _ => return Ok(Printout::marked(calls)),
        }
    }
}

fn body(offered: &Offered, close: &str, cursor: &mut Cursor<'_>) -> Read<Vec<Printed>> {
    first(
        cursor,
        &[
            &|cursor| objects::value(offered, Trust::Marked, Some(close), cursor),
            &|cursor| xml::call(cursor).map(|call| vec![call]),
            &calls,
            &|cursor| xml::pairs(offered, cursor).map(|call| vec![call]),
        ],
    )
}

/// Calls in Python: `[name(key=value)]`, or one of Llama's `name.call(key=value)`.
pub(super) fn calls(cursor: &mut Cursor<'_>) -> Read<Vec<Printed>> {
    let start = *cursor;
    if cursor.peek()? == '[' {
        let mut head = *cursor;
        head.literal("[")?;
        head.white();
        head.name()?;
        head.literal("(")?;
        cursor.brackets(None)?;
    } else {
        cursor.name()?;
        if cursor.peek()? != '(' {
            return Err(Stop::No);
        }
        cursor.brackets(None)?;
    }
    let calls = json::read_calls(start.between(cursor)).ok_or(Stop::Refused)?;
    let printed = |(name, arguments): (String, serde_json::Map<_, _>)| Printed {
        name: name.strip_suffix(".call").unwrap_or(&name).to_owned(),
        arguments: Arguments::Value(arguments.into()),
    };
    Ok(calls.into_iter().map(printed).collect())
}

/// Llama's code for its interpreter, to the end of the answer.
fn python(offered: &Offered, close: &str, cursor: &mut Cursor<'_>) -> Read<Printout> {
    let (tool, _) = offered.runner("python").ok_or(Stop::No)?;
    let name = tool.name.clone();
    let code = match cursor.until(close) {
        Ok(code) => code,
        Err(Stop::More) => return Err(Stop::More),
        Err(_) if cursor.end() == End::Done => cursor.all(),
        Err(stop) => return Err(stop),
    };
    let arguments = Arguments::Code(code.trim().to_owned());
    Ok(Printout::marked(vec![Printed { name, arguments }]))
}
