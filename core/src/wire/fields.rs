//! Reading JSON field by field, with the path of whatever is wrong.

use std::{any::Any, mem};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, error::Category};

use crate::{Code, Error, Result};

/// Reads a request body.
pub(in crate::wire) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // To know the path costs more than to read, so it is found where something is wrong with it.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        refusal(&path, error.inner())
    })?;
    json.end().map_err(|error| refusal("", &error))?;
    Ok(value)
}

/// Reads a value that stands at `at`.
pub(in crate::wire) fn typed<T: DeserializeOwned + 'static>(
    mut value: Value,
    at: &str,
) -> Result<T> {
    if let Some(value) = as_it_is(&mut value) {
        return Ok(value);
    }
    serde_path_to_error::deserialize(value)
        .map_err(|error| refusal(&join(at, &error.path().to_string()), error.inner()))
}

/// Takes a value that is of the wanted type already: a text, an object or a list. Otherwise it stays.
fn as_it_is<T: 'static>(value: &mut Value) -> Option<T> {
    let mut taken: Option<T> = None;
    let wanted: &mut dyn Any = &mut taken;
    match value {
        Value::String(text) => {
            let wanted: &mut Option<String> = wanted.downcast_mut()?;
            *wanted = Some(mem::take(text));
        }
        Value::Object(fields) => {
            let wanted: &mut Option<Map<String, Value>> = wanted.downcast_mut()?;
            *wanted = Some(mem::take(fields));
        }
        Value::Array(items) => {
            let wanted: &mut Option<Vec<Value>> = wanted.downcast_mut()?;
            *wanted = Some(mem::take(items));
        }
        _ => {}
    }
    taken
}

/// Takes a field; `null` is none.
pub(in crate::wire) fn take<T: DeserializeOwned + 'static>(
    from: &mut Map<String, Value>,
    field: &str,
    at: &str,
) -> Result<Option<T>> {
    match from.shift_remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(mut value) => match as_it_is(&mut value) {
            Some(value) => Ok(Some(value)),
            None => typed(value, &join(at, field)).map(Some),
        },
    }
}

/// Takes a field that must be there.
pub(in crate::wire) fn require<T: DeserializeOwned + 'static>(
    from: &mut Map<String, Value>,
    field: &str,
    at: &str,
) -> Result<T> {
    take(from, field, at)?.ok_or_else(|| missing(&join(at, field)))
}

/// Checks that a number is from `least` to `most`.
pub(in crate::wire) fn within(
    field: &str,
    value: Option<f64>,
    least: f64,
    most: f64,
) -> Result<Option<f64>> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(Error::invalid(field, format!("`{field}` must be from {least} to {most}")))
        }
        value => Ok(value),
    }
}

/// The refusal of a request without the field `at`.
pub(in crate::wire) fn missing(at: &str) -> Error {
    Error::invalid(at, format!("`{at}` is required"))
}

/// The path of `field` inside `at`.
pub(in crate::wire) fn join(at: &str, field: &str) -> String {
    match (at, field) {
        ("", field) => field.to_owned(),
        (at, "" | ".") => at.to_owned(),
        (at, field) if field.starts_with('[') => format!("{at}{field}"),
        (at, field) => format!("{at}.{field}"),
    }
}

fn refusal(path: &str, error: &serde_json::Error) -> Error {
    let message = error.to_string();
    match (error.classify(), path) {
        (Category::Data, "" | ".") => Error::new(Code::InvalidRequest, message),
        (Category::Data, path) => Error::invalid(path, format!("`{path}`: {message}")),
        _ => Error::new(Code::InvalidRequest, format!("the body is not valid JSON: {message}")),
    }
}
