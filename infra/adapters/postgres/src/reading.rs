//! Reading records.

use bytes::Bytes;
use dormouse_core::ports::{Page, Record, Timestamp, Version};
use tokio_postgres::{Row, types::Type};

use crate::{
    failure::Failure,
    link::{Link, Parameter, Repeat},
};

const GET: &str = "
    SELECT id, value, counters::text AS counters, version, expires_at FROM dormouse.records
    WHERE tenant = $1 AND collection = $2 AND id = $3
        AND (expires_at IS NULL OR expires_at > $4)";

// No id is empty, and none holds a byte that UTF-8 has not: null is above all of them.
const PAGE: &str = "
    SELECT id, value, counters::text AS counters, version, expires_at FROM dormouse.records
    WHERE tenant = $1 AND collection = $2 AND id > $3 AND ($4::text IS NULL OR id < $4)
        AND (expires_at IS NULL OR expires_at > $5)
    ORDER BY id LIMIT $6";

const PAGE_BACKWARDS: &str = "
    SELECT id, value, counters::text AS counters, version, expires_at FROM dormouse.records
    WHERE tenant = $1 AND collection = $2 AND id > $3 AND ($4::text IS NULL OR id < $4)
        AND (expires_at IS NULL OR expires_at > $5)
    ORDER BY id DESC LIMIT $6";

pub(crate) async fn get(
    link: &Link,
    [tenant, collection, id]: [&str; 3],
    now: Timestamp,
) -> Result<Option<Record>, Failure> {
    let now = milliseconds(now);
    let parameters: [Parameter<'_>; 4] =
        [(&tenant, Type::TEXT), (&collection, Type::TEXT), (&id, Type::TEXT), (&now, Type::INT8)];
    let rows = link.ask(GET, &parameters, Repeat::Safe).await?;
    rows.first().map(record).transpose()
}

pub(crate) async fn page(
    link: &Link,
    [tenant, collection]: [&str; 2],
    page: &Page,
    now: Timestamp,
) -> Result<Vec<Record>, Failure> {
    let (now, limit) = (milliseconds(now), i64::from(page.limit));
    let (after, before) = (page.after.as_deref().unwrap_or(""), page.before.as_deref());
    let parameters: [Parameter<'_>; 6] = [
        (&tenant, Type::TEXT),
        (&collection, Type::TEXT),
        (&after, Type::TEXT),
        (&before, Type::TEXT),
        (&now, Type::INT8),
        (&limit, Type::INT8),
    ];
    let statement = if page.descending { PAGE_BACKWARDS } else { PAGE };
    let rows = link.ask(statement, &parameters, Repeat::Safe).await?;
    rows.iter().map(record).collect()
}

/// Milliseconds as PostgreSQL counts; the limits of the port and any real clock are far below its own.
pub(crate) fn milliseconds(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

fn record(row: &Row) -> Result<Record, Failure> {
    let number = |number: i64| u64::try_from(number).map_err(Failure::unusable);
    let expires_at: Option<i64> = row.try_get("expires_at")?;
    let counters = serde_json::from_str(row.try_get("counters")?).map_err(Failure::unusable)?;
    Ok(Record {
        id: row.try_get("id")?,
        value: Bytes::copy_from_slice(row.try_get("value")?),
        counters,
        version: Version(number(row.try_get("version")?)?),
        expires_at: expires_at.map(number).transpose()?.map(Timestamp),
    })
}
