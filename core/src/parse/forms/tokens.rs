//! Calls between special tokens of one family of models.

use super::{
    super::{
        cursor::{Cursor, Read, Stop, begun, first},
        offered::{Arguments, Offered, Printed},
    },
    Printout,
    objects::{self, Trust},
};

/// Mistral: `[TOOL_CALLS][{…}]`, and since its v11 tokenizer `[TOOL_CALLS]name[ARGS]{…}`, repeated.
pub(super) fn mistral(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    cursor.literal("[TOOL_CALLS]")?;
    cursor.white();
    let body: &dyn Fn(&mut Cursor<'_>) -> Read<Vec<Printed>> = &|cursor| {
        let name = cursor.name()?.to_owned();
        if cursor.maybe("[CALL_ID]")? {
            cursor.name()?;
        }
        cursor.maybe("[ARGS]")?;
        cursor.white();
        Ok(vec![Printed { name, arguments: text(cursor, None)? }])
    };
    let calls = first(
        cursor,
        &[&|cursor| objects::value(offered, Trust::Marked, None, cursor), &|cursor| body(cursor)],
    );
    begun(calls).map(Printout::marked)
}

/// DeepSeek's tokens are written with `▁` between the words, and by some models with `_`.
const BEGIN_ALL: [&str; 3] =
    ["<｜tool▁calls▁begin｜>", "<｜tool_calls_begin｜>", "<｜tool▁outputs▁begin｜>"];
const END_ALL: [&str; 2] = ["<｜tool▁calls▁end｜>", "<｜tool_calls_end｜>"];
const BEGIN: [&str; 2] = ["<｜tool▁call▁begin｜>", "<｜tool_call_begin｜>"];
const SEPARATOR: [&str; 2] = ["<｜tool▁sep｜>", "<｜tool_sep｜>"];
const END: [&str; 2] = ["<｜tool▁call▁end｜>", "<｜tool_call_end｜>"];

/// DeepSeek: `function<sep>name`, then fenced JSON (V3, R1), or `name<sep>` and bare JSON (V3.1).
pub(super) fn deepseek(_: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    let wrapped = maybe(cursor, &BEGIN_ALL)?;
    cursor.white();
    let mut calls = Vec::new();
    loop {
        let mut here = *cursor;
        here.white();
        if wrapped && maybe(&mut here, &END_ALL)? {
            *cursor = here;
            break;
        }
        if !maybe(&mut here, &BEGIN)? {
            break;
        }
        calls.push(begun(deepseek_call(&mut here))?);
        *cursor = here;
    }
    match (calls.is_empty(), wrapped) {
        (false, _) => Ok(Printout::marked(calls)),
        (true, true) => Err(Stop::Refused),
        (true, false) => Err(Stop::No),
    }
}

fn deepseek_call(cursor: &mut Cursor<'_>) -> Read<Printed> {
    let mut name = cursor.name()?;
    cursor.any(SEPARATOR)?;
    cursor.white();
    if cursor.peek()? != '{' {
        name = cursor.name()?;
        cursor.white();
    }
    let fenced = cursor.maybe("```")?;
    if fenced {
        cursor.line()?;
        cursor.white();
    }
    let arguments = text(cursor, END.first().copied())?;
    cursor.white();
    if fenced {
        cursor.maybe("```")?;
        cursor.white();
    }
    maybe(cursor, &END)?;
    Ok(Printed { name: name.to_owned(), arguments })
}

/// Kimi K2: `functions.name:0`, then the arguments.
pub(super) fn kimi(_: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    let wrapped = cursor.maybe("<|tool_calls_section_begin|>")?;
    let mut calls = Vec::new();
    loop {
        let mut here = *cursor;
        here.white();
        if wrapped && here.maybe("<|tool_calls_section_end|>")? {
            *cursor = here;
            break;
        }
        if !here.maybe("<|tool_call_begin|>")? {
            break;
        }
        calls.push(begun(kimi_call(&mut here))?);
        *cursor = here;
    }
    match (calls.is_empty(), wrapped) {
        (false, _) => Ok(Printout::marked(calls)),
        (true, true) => Err(Stop::Refused),
        (true, false) => Err(Stop::No),
    }
}

fn kimi_call(cursor: &mut Cursor<'_>) -> Read<Printed> {
    cursor.white();
    let id = cursor.name()?;
    cursor.white();
    cursor.literal("<|tool_call_argument_begin|>")?;
    cursor.white();
    let arguments = text(cursor, Some("<|tool_call_end|>"))?;
    cursor.white();
    cursor.maybe("<|tool_call_end|>")?;
    let name = id.rsplit_once(':').map_or(id, |(name, _)| name);
    Ok(Printed { name: name.to_owned(), arguments })
}

/// OpenAI's harmony: a message whose recipient is a function (gpt-oss).
pub(super) fn harmony(_: &Offered, cursor: &mut Cursor<'_>) -> Read<Printout> {
    let mut name = None;
    if cursor.maybe("<|start|>assistant")? {
        cursor.blanks();
        name = recipient(cursor)?;
    }
    cursor.literal("<|channel|>")?;
    begun(cursor.any(["commentary", "analysis"]))?;
    cursor.blanks();
    let name = name.or(begun(recipient(cursor))?).ok_or(Stop::Refused)?;
    // Between the recipient and the text stands the kind of text, which is JSON.
    let kind = begun(cursor.until("<|message|>"))?;
    if kind.len() > MAX_KIND_BYTES {
        return Err(Stop::Refused);
    }
    cursor.white();
    let arguments = begun(text(cursor, Some("<|call|>")))?;
    let mut here = *cursor;
    here.white();
    if here.maybe("<|call|>")? || here.maybe("<|end|>")? {
        *cursor = here;
    }
    let name = name.to_owned();
    Ok(Printout::marked(vec![Printed { name, arguments }]))
}

/// The longest word for a kind of text in harmony's header.
const MAX_KIND_BYTES: usize = 64;

fn recipient<'a>(cursor: &mut Cursor<'a>) -> Read<Option<&'a str>> {
    if !cursor.maybe("to=")? {
        return Ok(None);
    }
    let name = cursor.name()?;
    cursor.blanks();
    Ok(Some(name.strip_prefix("functions.").unwrap_or(name)))
}

fn maybe(cursor: &mut Cursor<'_>, wanted: &[&str]) -> Read<bool> {
    match cursor.any(wanted.iter().copied()) {
        Ok(_) => Ok(true),
        Err(Stop::More) => Err(Stop::More),
        Err(Stop::No | Stop::Refused) => Ok(false),
    }
}

fn text(cursor: &mut Cursor<'_>, close: Option<&str>) -> Read<Arguments> {
    if cursor.peek()? != '{' {
        return Err(Stop::No);
    }
    cursor.brackets(close).map(|text| Arguments::Text(text.to_owned()))
}
