//! Reading records.

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use dormouse_core::ports::{Page, Record, Timestamp, Version};
use redis::{Script, ScriptInvocation};

use crate::{failure::Failure, keys::Keys};

static PAGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("page.lua")));

/// The call that reads a page.
pub(crate) fn call(
    tenant: &str,
    collection: &str,
    page: &Page,
    now: Timestamp,
) -> ScriptInvocation<'static> {
    let keys = Keys::of(tenant);
    let bound = |bound: &Option<String>, none: &str| match bound {
        Some(id) => format!("({id}"),
        None => none.to_owned(),
    };
    let mut call = PAGE.prepare_invoke();
    call.key(keys.ids(collection));
    call.arg(keys.records(collection)).arg(now.0).arg(page.limit);
    call.arg(bound(&page.after, "-")).arg(bound(&page.before, "+"));
    call.arg(u8::from(page.descending));
    call
}

/// The record of a page's entry: its id, then the fields of its hash.
pub(crate) fn entry(entry: Vec<Vec<u8>>) -> Result<Record, Failure> {
    let mut parts = entry.into_iter();
    let id = text(parts.next().ok_or_else(|| Failure::corrupt("an entry without an id"))?)?;
    let mut fields = Vec::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        fields.push((name, value));
    }
    record(id, fields)
}

/// The record that the fields of its hash make.
pub(crate) fn record(id: String, fields: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Record, Failure> {
    let (mut value, mut version, mut expires_at) = (Bytes::new(), None, None);
    let mut counters = BTreeMap::new();
    for (name, content) in fields {
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
