//! Reading records.

use std::collections::BTreeMap;

use bytes::Bytes;
use dormouse_core::ports::{Page, Record, Timestamp, Version};

use crate::{
    failure::Failure,
    keys::Keys,
    request::{Request, Script},
};

static PAGE: Script = Script::new(include_str!("page.lua"));

/// The call that reads a record.
pub(crate) fn get(tenant: &str, collection: &str, id: &str) -> Request {
    let mut call = Request::command("HGETALL");
    call.key(Keys::of(tenant).record(collection, id));
    call
}

/// The call that reads a page.
pub(crate) fn page(tenant: &str, collection: &str, page: &Page, now: Timestamp) -> Request {
    let keys = Keys::of(tenant);
    let bound = |bound: &Option<String>, none: &str| match bound {
        Some(id) => format!("({id}"),
        None => none.to_owned(),
    };
    let mut call = Request::script(&PAGE);
    call.key(keys.ids(collection));
    call.arg(keys.records(collection)).number(&now.0).number(&page.limit);
    call.arg(bound(&page.after, "-")).arg(bound(&page.before, "+"));
    call.number(&u8::from(page.descending));
    call
}

/// The records of a page: of each its id, how many words its fields are, and these.
pub(crate) fn records(answer: Vec<Vec<u8>>) -> Result<Vec<Record>, Failure> {
    let mut words = answer.into_iter();
    let mut records = Vec::new();
    while let Some(id) = words.next() {
        let id = text(id)?;
        let many = words.next().ok_or_else(|| Failure::corrupt("a page that breaks off"))?;
        let fields = words.by_ref().take(number(many)?);
        records.push(record(id, fields)?);
    }
    Ok(records)
}

/// The record that the fields of its hash make: names and contents by turns.
pub(crate) fn record(
    id: String,
    mut fields: impl Iterator<Item = Vec<u8>>,
) -> Result<Record, Failure> {
    let (mut value, mut version, mut expires_at) = (Bytes::new(), None, None);
    let mut counters = BTreeMap::new();
    while let (Some(name), Some(content)) = (fields.next(), fields.next()) {
        match name.as_slice() {
            b"v" => value = content.into(),
            b"n" => version = Some(Version(number(content)?)),
            b"x" => expires_at = Some(Timestamp(number(content)?)),
            _ => {
                let name = text(name)?;
                let name = name.strip_prefix("c:").ok_or_else(|| Failure::corrupt("a field"))?;
                counters.insert(name.to_owned(), number(content)?);
            }
        }
    }
    let version = version.ok_or_else(|| Failure::corrupt("a record without a version"))?;
    Ok(Record { id, value, counters, version, expires_at })
}

fn number<T: std::str::FromStr>(content: Vec<u8>) -> Result<T, Failure> {
    text(content)?.parse().map_err(|_| Failure::corrupt("a number that is none"))
}

fn text(content: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(content).map_err(|_| Failure::corrupt("a name that is not UTF-8"))
}
