//! How the parts of a record are written in a row.

use std::collections::BTreeMap;

use dormouse_core::ports::{Timestamp, Version};
use rusqlite::{
    Result, ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

/// Counters, as a JSON object.
pub(crate) struct Counters(pub(crate) BTreeMap<String, i64>);

/// The versions that a commit gave, as a JSON array.
pub(crate) struct Versions(pub(crate) Vec<Option<Version>>);

impl FromSql for Counters {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(FromSqlError::other)
    }
}

impl ToSql for Counters {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        json(&self.0)
    }
}

impl FromSql for Versions {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let versions: Vec<Option<u64>> =
            serde_json::from_str(value.as_str()?).map_err(FromSqlError::other)?;
        Ok(Self(versions.into_iter().map(|version| version.map(Version)).collect()))
    }
}

impl ToSql for Versions {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        json(&self.0.iter().map(|version| version.map(|it| it.0)).collect::<Vec<_>>())
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<ToSqlOutput<'static>> {
    let text = serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(text.into())
}

/// Milliseconds as SQLite counts; the limits of the port and any real clock are far below its own.
pub(crate) fn milliseconds(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}
