//! Calls as JSON objects, in every shape that is about: flat, OpenAI's, Anthropic's, Cohere's, and lists
//! of them.

use serde_json::{Map, Value};

use super::super::{
    cursor::{Cursor, Read, Stop, begun},
    json,
    offered::{Arguments, Offered, Printed},
};

/// Fields that name the tool.
const NAMES: [&str; 5] = ["name", "tool", "tool_name", "function", "action"];
/// Fields that hold the arguments.
const ARGUMENTS: [&str; 6] =
    ["arguments", "parameters", "args", "input", "tool_input", "action_input"];
/// Fields that hold whole calls.
const CONTAINERS: [&str; 4] = ["function", "tool_calls", "function_call", "tool_call"];
/// What may stand beside them.
const OTHERS: [&str; 5] = ["id", "type", "tool_call_id", "call_id", "index"];

/// How an object must look to be a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Marks around it say that it is one.
    Marked,
    /// Nothing says so: it must name an offered tool and its arguments, and hold nothing else.
    Bare,
}

/// Reads one value that holds calls. An empty list: it does not, or it is no JSON.
pub(super) fn value(
    offered: &Offered,
    trust: Trust,
    close: Option<&str>,
    cursor: &mut Cursor<'_>,
) -> Read<Vec<Printed>> {
    head(offered, trust, *cursor)?;
    let text = begun(cursor.brackets(close))?;
    let calls = json::read(text).and_then(|value| calls(offered, trust, &value));
    Ok(calls.unwrap_or_default())
}

/// Says no as soon as the first field tells that this is no call, so that other JSON need not wait.
fn head(offered: &Offered, trust: Trust, mut cursor: Cursor<'_>) -> Read<()> {
    if !matches!(cursor.peek()?, '{' | '[') {
        return Err(Stop::No);
    }
    loop {
        while cursor.maybe("{")? || cursor.maybe("[")? {
            cursor.white();
        }
        let key = word(&mut cursor, |begun| fields().any(|field| field.starts_with(begun)))?;
        let known = |keys: &[&str]| keys.contains(&key);
        if !fields().any(|field| field == key) {
            return Err(Stop::Refused);
        }
        cursor.white();
        begun(cursor.literal(":"))?;
        cursor.white();
        match cursor.peek()? {
            '{' | '[' if known(&CONTAINERS) => {}
            '"' | '\'' if known(&NAMES) => {
                let marked = trust == Trust::Marked;
                let name = word(&mut cursor, |begun| marked || offered.may_become(begun))?;
                let fits = marked || offered.find(name).is_some();
                return if fits { Ok(()) } else { Err(Stop::Refused) };
            }
            _ => return Ok(()),
        }
    }
}

/// A text in quotes that is given up as soon as it cannot become what is wanted.
fn word<'a>(cursor: &mut Cursor<'a>, may_become: impl Fn(&str) -> bool) -> Read<&'a str> {
    let begun = cursor.rest().get(1..).unwrap_or_default();
    match cursor.quoted() {
        Err(Stop::More) if !may_become(begun) => Err(Stop::Refused),
        read => read,
    }
}

/// All fields of calls.
fn fields() -> impl Iterator<Item = &'static str> {
    let own = NAMES.into_iter().chain(ARGUMENTS).chain(CONTAINERS);
    own.chain(OTHERS)
}

/// The calls that a value holds. `None` where it holds anything else.
fn calls(offered: &Offered, trust: Trust, value: &Value) -> Option<Vec<Printed>> {
    match value {
        Value::Array(items) if !items.is_empty() => {
            let calls: Option<Vec<_>> =
                items.iter().map(|item| calls(offered, trust, item)).collect();
            calls.map(|calls| calls.into_iter().flatten().collect())
        }
        Value::Object(fields) => {
            let inner = CONTAINERS.iter().find_map(|key| {
                fields.get(*key).filter(|inner| inner.is_object() || inner.is_array())
            });
            match inner {
                Some(inner) => calls(offered, trust, inner),
                None => call(offered, trust, fields).map(|call| vec![call]),
            }
        }
        _ => None,
    }
}

fn call(offered: &Offered, trust: Trust, fields: &Map<String, Value>) -> Option<Printed> {
    let name = NAMES.iter().find_map(|key| fields.get(*key)?.as_str())?;
    let arguments = ARGUMENTS.iter().find_map(|key| fields.get(*key));
    if trust == Trust::Bare {
        let described = arguments.is_some_and(is_schema);
        let all_known = fields.keys().all(|key| self::fields().any(|field| field == key));
        let needless = offered.find(name).is_some_and(|tool| !needs_arguments(tool));
        if described || !(arguments.is_some() || needless) || !all_known {
            return None;
        }
    }
    let arguments = arguments.cloned().unwrap_or(Value::Null);
    Some(Printed { name: name.to_owned(), arguments: Arguments::Value(arguments) })
}

/// A tool that is described has a schema where a call has its arguments.
fn is_schema(arguments: &Value) -> bool {
    arguments.get("type").is_some_and(|kind| kind == "object")
        && arguments.get("properties").is_some_and(Value::is_object)
}

pub(super) fn needs_arguments(tool: &crate::chat::Tool) -> bool {
    let required = tool.input_schema.as_ref().and_then(|schema| schema.get("required"));
    required.and_then(Value::as_array).is_some_and(|required| !required.is_empty())
}
