//! Calls as XML elements, one for each argument: Qwen3-Coder's `<function=…>`, Anthropic's `<invoke
//! name="…">`, GLM's `<arg_key>`. Texts stand in them as they are, unescaped.

use serde_json::{Map, Value};

use super::super::{
    cursor::{Cursor, Read, Stop, begun, first},
    offered::{Arguments, Offered, Printed},
};

/// Beginnings of a call, what ends its name, and what ends the call.
const CALLS: [(&str, &str, &str); 4] = [
    ("<function=", ">", "</function>"),
    ("<function name=", ">", "</function>"),
    ("<invoke name=", ">", "</invoke>"),
    ("<tool name=", ">", "</tool>"),
];
/// The same for an argument.
const FIELDS: [(&str, &str); 4] = [
    ("<parameter=", "</parameter>"),
    ("<parameter name=", "</parameter>"),
    ("<param name=", "</param>"),
    ("<arg name=", "</arg>"),
];

/// The most arguments of one call.
const MAX_FIELDS: usize = 128;

/// Reads one call.
pub(super) fn call(cursor: &mut Cursor<'_>) -> Read<Printed> {
    let opening = cursor.any(CALLS.map(|(open, ..)| open))?;
    let (_, name_end, close) =
        CALLS.into_iter().find(|(open, ..)| *open == opening).ok_or(Stop::No)?;
    let name = begun(attribute(cursor, name_end))?;
    let body = |cursor: &mut Cursor<'_>| match cursor.peek()? {
        '{' => json(cursor, close),
        _ => fields(cursor, close),
    };
    cursor.white();
    let arguments = begun(body(cursor))?;
    Ok(Printed { name: name.to_owned(), arguments })
}

/// GLM's form: the name of an offered tool, then pairs of elements, if it takes any.
pub(super) fn pairs(offered: &Offered, cursor: &mut Cursor<'_>) -> Read<Printed> {
    let begun = cursor.rest();
    let name = match cursor.name() {
        Err(Stop::More) if !offered.may_become(begun) => return Err(Stop::No),
        name => name?,
    };
    let tool = offered.find(name).ok_or(Stop::No)?;
    let mut arguments = Map::new();
    loop {
        let mut here = *cursor;
        here.white();
        if here.peek()? != '<' {
            return Err(Stop::No);
        }
        match pair(&mut here) {
            Ok((key, value)) => arguments.insert(key.to_owned(), value.into()),
            Err(Stop::No) => break,
            Err(stop) => return Err(stop),
        };
        *cursor = here;
    }
    let arguments = Arguments::Value(arguments.into());
    Ok(Printed { name: tool.name.clone(), arguments })
}

fn pair<'a>(cursor: &mut Cursor<'a>) -> Read<(&'a str, &'a str)> {
    cursor.literal("<arg_key>")?;
    let key = begun(cursor.until("</arg_key>"))?;
    cursor.white();
    begun(cursor.literal("<arg_value>"))?;
    Ok((key.trim(), begun(cursor.until("</arg_value>"))?))
}

/// A name up to the end of its tag, with quotes or without, and without further attributes.
fn attribute<'a>(cursor: &mut Cursor<'a>, end: &str) -> Read<&'a str> {
    first(
        cursor,
        &[
            &|cursor| {
                let name = cursor.quoted()?;
                cursor.until(end)?;
                Ok(name)
            },
            &|cursor| {
                let name = cursor.name()?;
                cursor.blanks();
                cursor.literal(end)?;
                Ok(name)
            },
        ],
    )
}

/// Arguments as one JSON object (Llama 3.1, Functionary).
fn json(cursor: &mut Cursor<'_>, close: &str) -> Read<Arguments> {
    let text = cursor.brackets(Some(close))?;
    let mut here = *cursor;
    here.white();
    if here.maybe(close)? {
        *cursor = here;
    }
    Ok(Arguments::Text(text.to_owned()))
}

fn fields(cursor: &mut Cursor<'_>, close: &str) -> Read<Arguments> {
    let mut fields = Map::new();
    for _ in 0..=MAX_FIELDS {
        cursor.white();
        if cursor.maybe(close)? {
            return Ok(Arguments::Value(fields.into()));
        }
        let opening = cursor.any(FIELDS.map(|(open, _)| open))?;
        let (_, end) = FIELDS.into_iter().find(|(open, _)| *open == opening).ok_or(Stop::No)?;
        let name = attribute(cursor, ">")?.to_owned();
        fields.insert(name, Value::from(text(cursor, end, close)?));
    }
    Err(Stop::Refused)
}

/// The text of an argument. Where its own end is missing, a line with the next argument or with the
/// call's end ends it.
fn text(cursor: &mut Cursor<'_>, end: &str, close: &str) -> Read<String> {
    let next = FIELDS.map(|(open, _)| format!("\n{open}"));
    let close = format!("\n{close}");
    let stops: Vec<&str> =
        [end, &close].into_iter().chain(next.iter().map(String::as_str)).collect();
    let text = cursor.before(&stops)?;
    cursor.maybe(end)?;
    // Templates put a value in lines of its own.
    let text = text.strip_prefix('\n').unwrap_or(text);
    Ok(text.strip_suffix('\n').unwrap_or(text).to_owned())
}
