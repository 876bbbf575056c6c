//! Reading records.

use bytes::Bytes;
use dormouse_core::ports::{Page, Record, Timestamp, Version};
use rusqlite::{Connection, OptionalExtension, Result, Row, params, types::Value};

use crate::{
    failure::Failure,
    row::{Counters, milliseconds},
};

const GET: &str = "
    SELECT id, value, counters, version, expires_at FROM records
    WHERE tenant = ?1 AND collection = ?2 AND id = ?3
        AND (expires_at IS NULL OR expires_at > ?4)";

const PAGE: &str = "
    SELECT id, value, counters, version, expires_at FROM records
    WHERE tenant = ?1 AND collection = ?2 AND id > ?3 AND id < ?4
        AND (expires_at IS NULL OR expires_at > ?5)
    ORDER BY id LIMIT ?6";

const PAGE_BACKWARDS: &str = "
    SELECT id, value, counters, version, expires_at FROM records
    WHERE tenant = ?1 AND collection = ?2 AND id > ?3 AND id < ?4
        AND (expires_at IS NULL OR expires_at > ?5)
    ORDER BY id DESC LIMIT ?6";

pub(crate) fn get(
    connection: &Connection,
    [tenant, collection, id]: [&str; 3],
    now: Timestamp,
) -> Result<Option<Record>, Failure> {
    let mut statement = connection.prepare_cached(GET)?;
    let found = statement.query_row(params![tenant, collection, id, milliseconds(now)], record);
    Ok(found.optional()?)
}

pub(crate) fn page(
    connection: &Connection,
    [tenant, collection]: [&str; 2],
    page: &Page,
    now: Timestamp,
) -> Result<Vec<Record>, Failure> {
    // No id is empty. To SQLite every blob is greater than any text.
    let after = page.after.as_deref().unwrap_or("");
    let before = page.before.clone().map_or(Value::Blob(Vec::new()), Value::Text);
    let sql = if page.descending { PAGE_BACKWARDS } else { PAGE };
    let mut statement = connection.prepare_cached(sql)?;
    let now = milliseconds(now);
    let rows =
        statement.query_map(params![tenant, collection, after, before, now, page.limit], record)?;
    Ok(rows.collect::<Result<_>>()?)
}

fn record(row: &Row<'_>) -> Result<Record> {
    let expires_at: Option<u64> = row.get("expires_at")?;
    Ok(Record {
        id: row.get("id")?,
        value: Bytes::from(row.get::<_, Vec<u8>>("value")?),
        counters: row.get::<_, Counters>("counters")?.0,
        version: Version(row.get("version")?),
        expires_at: expires_at.map(Timestamp),
    })
}
