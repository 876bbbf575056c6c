//! What a schema says of a value without looking into it.

use std::cmp::Ordering;

use num_traits::ToPrimitive;
use serde_json::{Map, Number, Value};

/// The longest list whose items are compared with each other.
const MAX_COMPARED: usize = 256;
/// How much of a value stands in a message, in characters.
const MAX_SHOWN: usize = 200;

/// An error completes the sentence that begins with the value's path.
pub(super) fn check(schema: &Map<String, Value>, value: &Value) -> Result<(), String> {
    let wanted = match schema.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !wanted.is_empty() && !wanted.iter().any(|name| is(value, name)) {
        return Err(format!("must be {}, not {}", wanted.join(" or "), kind(value)));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.iter().any(|it| equal(it, value))
    {
        let listed = allowed.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        return Err(format!("must be one of {}", shown(&listed)));
    }
    if let Some(only) = schema.get("const")
        && !equal(only, value)
    {
        return Err(format!("must be {}", shown(&only.to_string())));
    }
    match value {
        Value::Number(number) => numbers(schema, number),
        Value::String(text) => {
            let length = || text.chars().count();
            count(schema, ("minLength", "maxLength"), length, "characters")
        }
        Value::Array(items) => {
            count(schema, ("minItems", "maxItems"), || items.len(), "items")?;
            let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
            if unique && items.len() <= MAX_COMPARED && repeats(items) {
                return Err("must not hold an item twice".to_owned());
            }
            Ok(())
        }
        Value::Object(fields) => {
            count(schema, ("minProperties", "maxProperties"), || fields.len(), "fields")
        }
        Value::Null | Value::Bool(_) => Ok(()),
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_number().is_some_and(is_whole),
        // No type that JSON Schema knows.
        _ => true,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn is_whole(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|it| it.fract() == 0.0)
}

fn numbers(schema: &Map<String, Value>, number: &Number) -> Result<(), String> {
    type Holds = fn(Ordering) -> bool;
    let bounds: [(&str, Holds, &str); 4] = [
        ("minimum", Ordering::is_ge, "at least"),
        ("maximum", Ordering::is_le, "at most"),
        ("exclusiveMinimum", Ordering::is_gt, "more than"),
        ("exclusiveMaximum", Ordering::is_lt, "less than"),
    ];
    for (name, holds, words) in bounds {
        if let Some(Value::Number(bound)) = schema.get(name)
            && !compare(number, bound).is_none_or(holds)
        {
            return Err(format!("must be {words} {bound}"));
        }
    }
    if let Some(Value::Number(of)) = schema.get("multipleOf")
        && let (Some(number), Some(of)) = (integer(number), integer(of))
        && of > 0
        && number % of != 0
    {
        return Err(format!("must be a multiple of {of}"));
    }
    Ok(())
}

/// A whole number, `1.0` among them.
fn integer(number: &Number) -> Option<i128> {
    let float = || number.as_f64().filter(|it| it.fract() == 0.0)?.to_i128();
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    whole.or_else(float)
}

fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

fn count(
    schema: &Map<String, Value>,
    (least, most): (&str, &str),
    length: impl Fn() -> usize,
    what: &str,
) -> Result<(), String> {
    let bound = |name: &str| {
        let bound = schema.get(name)?.as_u64()?;
        usize::try_from(bound).ok()
    };
    if let Some(least) = bound(least).filter(|least| length() < *least) {
        return Err(format!("must have at least {least} {what}"));
    }
    match bound(most).filter(|most| length() > *most) {
        Some(most) => Err(format!("must have at most {most} {what}")),
        None => Ok(()),
    }
}

/// Whether two values are the same by JSON Schema, where `1` is `1.0`.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other) == Some(Ordering::Equal),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|it| equal(it, value)))
        }
        _ => one == other,
    }
}

fn repeats(items: &[Value]) -> bool {
    let mut rest = items.iter();
    while let Some(item) = rest.next() {
        if rest.clone().any(|other| equal(item, other)) {
            return true;
        }
    }
    false
}

fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_SHOWN).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        short.push('…');
    }
    short
}
