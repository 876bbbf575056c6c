//! Changing single fields of a request body without touching the others.
//!
//! Every value that is not set keeps its bytes, and every field its place. So nothing that the gateway does
//! not know is lost, and a provider's prompt cache sees the same prefix every time.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::plain::Text;
use crate::{Code, Error, Result};

/// The fields of a JSON object, each with its own bytes: those of the body, or those that it was set to.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Fields<'a>(IndexMap<Cow<'a, str>, Cow<'a, RawValue>>);

impl<'a> Fields<'a> {
    pub(super) fn get(&self, field: &str) -> Option<&RawValue> {
        self.0.get(field).map(|value| &**value)
    }

    /// Puts a field, in its place if it is there.
    pub(super) fn insert(&mut self, field: &'static str, value: Box<RawValue>) {
        self.0.insert(field.into(), Cow::Owned(value));
    }
}

/// Takes a body apart.
pub(super) fn read(body: &[u8]) -> Result<Fields<'_>> {
    serde_json::from_slice(body).map_err(broken)
}

/// Sets a field, in its place if it is there. Says whether that changed anything.
pub(super) fn set(fields: &mut Fields<'_>, field: &'static str, value: &Value) -> Result<bool> {
    let written = raw(value)?;
    if let Some(there) = fields.get(field) {
        let same = |there: &RawValue| Ok(serde_json::from_str::<Value>(there.get())? == *value);
        if there.get() == written.get() || same(there).map_err(broken)? {
            return Ok(false);
        }
    }
    fields.insert(field, written);
    Ok(true)
}

/// Sends a body on to `model`: its own bytes, if it names that already.
pub(super) fn for_model(body: &Bytes, model: &str) -> Result<Bytes> {
    let mut fields = read(body)?;
    if set(&mut fields, "model", &model.into())? { to_bytes(&fields) } else { Ok(body.clone()) }
}

/// Removes a field. Says whether there was one; `null` is none.
pub(super) fn remove(fields: &mut Fields<'_>, field: &str) -> bool {
    let there = fields.get(field).is_some_and(|value| value.get() != "null");
    there && fields.0.shift_remove(field).is_some()
}

/// Writes a single value.
pub(super) fn raw(value: &impl Serialize) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(value).map_err(broken)
}

/// Writes a whole body.
pub(super) fn to_bytes(value: &impl Serialize) -> Result<Bytes> {
    serde_json::to_vec(value).map(Bytes::from).map_err(broken)
}

/// The error where a body is not the JSON object it was when it was decoded.
pub(super) fn broken(error: serde_json::Error) -> Error {
    Error::new(Code::Internal, "the request cannot be written").caused_by(error)
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut fields = IndexMap::new();
                while let Some((Text(field), value)) = object.next_entry::<_, &RawValue>()? {
                    fields.insert(field, Cow::Borrowed(value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
