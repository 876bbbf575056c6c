//! Changing single fields of a request body without touching the others.
//!
//! Every value that is not set keeps its bytes, and every field its place. So nothing that the gateway does
//! not know is lost, and a provider's prompt cache sees the same prefix every time.

use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::{Value, value::RawValue};

use crate::{Code, Error, Result};

/// The fields of a JSON object, each with its own bytes.
pub(super) type Fields = IndexMap<String, Box<RawValue>>;

/// Takes a body apart.
pub(super) fn read(body: &[u8]) -> Result<Fields> {
    serde_json::from_slice(body).map_err(broken)
}

/// Sets a field, in its place if it is there. Says whether that changed anything.
pub(super) fn set(fields: &mut Fields, field: &str, value: &Value) -> Result<bool> {
    if let Some(there) = fields.get(field) {
        let there: Value = serde_json::from_str(there.get()).map_err(broken)?;
        if there == *value {
            return Ok(false);
        }
    }
    fields.insert(field.to_owned(), raw(value)?);
    Ok(true)
}

/// Sends a body on to `model`: its own bytes, if it names that already.
pub(super) fn for_model(body: &Bytes, model: &str) -> Result<Bytes> {
    let mut fields = read(body)?;
    if set(&mut fields, "model", &model.into())? { to_bytes(&fields) } else { Ok(body.clone()) }
}

/// Removes a field. Says whether there was one; `null` is none.
pub(super) fn remove(fields: &mut Fields, field: &str) -> bool {
    let there = fields.get(field).is_some_and(|value| value.get() != "null");
    there && fields.shift_remove(field).is_some()
}

/// Writes a single value.
pub(super) fn raw(value: &impl serde::Serialize) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(value).map_err(broken)
}

/// Writes a whole body.
pub(super) fn to_bytes(value: &impl serde::Serialize) -> Result<Bytes> {
    serde_json::to_vec(value).map(Bytes::from).map_err(broken)
}

/// The error where a body is not the JSON object it was when it was decoded.
pub(super) fn broken(error: serde_json::Error) -> Error {
    Error::new(Code::Internal, "the request cannot be written").caused_by(error)
}
