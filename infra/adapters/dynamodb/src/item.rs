//! Items: their keys, and what is read out of them.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use bytes::Bytes;
use dormouse_core::{
    Error, Result,
    ports::{Record, Timestamp, Version},
};

use crate::failure::unavailable;

/// The attributes of an item, or some of them.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) const PARTITION: &str = "pk";
pub(crate) const SORT: &str = "sk";
pub(crate) const VALUE: &str = "val";
pub(crate) const VERSION: &str = "ver";
pub(crate) const EXPIRY: &str = "exp";
/// A word that expressions reserve, so that they say `#ttl`.
pub(crate) const TTL: &str = "ttl";
pub(crate) const GIVEN: &str = "given";
const COUNTER: &str = "c.";

/// How long DynamoDB keeps at least what has expired, so that a gateway whose clock is late still finds it.
const TTL_MARGIN: Duration = Duration::from_secs(3600);

/// The partition of a collection.
pub(crate) fn partition(tenant: &str, collection: &str) -> AttributeValue {
    binary(format!("{tenant}\0{collection}"))
}

/// The key of a record.
pub(crate) fn key(tenant: &str, collection: &str, id: &str) -> Item {
    let keys = [(PARTITION, partition(tenant, collection)), (SORT, binary(id))];
    keys.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The key of a token. No collection begins with a NUL.
pub(crate) fn token_key(tenant: &str, token: &str) -> Item {
    key(tenant, "\0", token)
}

pub(crate) fn binary(bytes: impl AsRef<[u8]>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes.as_ref()))
}

pub(crate) fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// The attribute of a counter.
pub(crate) fn counter(name: &str) -> String {
    format!("{COUNTER}{name}")
}

/// When DynamoDB may remove what expires then.
pub(crate) fn ttl(expiry: Timestamp) -> AttributeValue {
    number((expiry + TTL_MARGIN).0 / 1000)
}

/// Adds the expiry of an item.
pub(crate) fn expire(item: &mut Item, expiry: Timestamp) {
    item.insert(EXPIRY.to_owned(), number(expiry.0));
    item.insert(TTL.to_owned(), ttl(expiry));
}

/// Whether an item is there for readers.
pub(crate) fn lives(item: &Item, now: Timestamp) -> Result<bool> {
    Ok(expiry(item)?.is_none_or(|expiry| now < expiry))
}

pub(crate) fn expiry(item: &Item) -> Result<Option<Timestamp>> {
    item.get(EXPIRY).map(|value| parse(value).map(Timestamp)).transpose()
}

pub(crate) fn version(item: &Item) -> Result<Version> {
    parse(item.get(VERSION).ok_or_else(unreadable)?).map(Version)
}

pub(crate) fn counters(item: &Item) -> Result<BTreeMap<String, i64>> {
    let counters =
        item.iter().filter_map(|(name, value)| Some((name.strip_prefix(COUNTER)?, value)));
    counters.map(|(name, value)| Ok((name.to_owned(), parse(value)?))).collect()
}

/// The record that an item holds.
pub(crate) fn record(mut item: Item) -> Result<Record> {
    let id = match item.get(SORT) {
        Some(AttributeValue::B(id)) => {
            std::str::from_utf8(id.as_ref()).map_err(|_| unreadable())?
        }
        _ => return Err(unreadable()),
    };
    let (id, version) = (id.to_owned(), version(&item)?);
    let (counters, expires_at) = (counters(&item)?, expiry(&item)?);
    let value = match item.remove(VALUE) {
        Some(AttributeValue::B(value)) => Bytes::from(value.into_inner()),
        None => Bytes::new(),
        Some(_) => return Err(unreadable()),
    };
    Ok(Record { id, value, counters, version, expires_at })
}

/// What the item of a token remembers.
pub(crate) fn given(versions: &[Option<Version>]) -> AttributeValue {
    let version = |version: &Option<Version>| match version {
        Some(version) => number(version.0),
        None => AttributeValue::Null(true),
    };
    AttributeValue::L(versions.iter().map(version).collect())
}

/// The versions that the commit of a token was given.
pub(crate) fn versions_given(token: &Item) -> Result<Vec<Option<Version>>> {
    let Some(AttributeValue::L(versions)) = token.get(GIVEN) else { return Err(unreadable()) };
    let version = |version: &AttributeValue| match version {
        AttributeValue::Null(_) => Ok(None),
        version => Ok(Some(Version(parse(version)?))),
    };
    versions.iter().map(version).collect()
}

fn parse<Number: std::str::FromStr>(value: &AttributeValue) -> Result<Number> {
    value.as_n().ok().and_then(|text| text.parse().ok()).ok_or_else(unreadable)
}

/// Somebody else wrote to the table.
fn unreadable() -> Error {
    unavailable("the store holds what is no record")
}
