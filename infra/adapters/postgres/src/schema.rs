//! The schema: made, and brought up to date, by whoever comes first.

use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;

use crate::failure::Failure;

/// What brings a database from each version of the schema to the next; the table `migrations` lists those
/// that were applied. Published ones never change.
const MIGRATIONS: [&str; 1] = [include_str!("schema/1.sql")];

/// Keeps two gateways from doing it at once. Any number that is nobody else's.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7239071134960387)";

const BEGIN: &str = "
    CREATE SCHEMA IF NOT EXISTS dormouse;
    CREATE TABLE IF NOT EXISTS dormouse.migrations (applied integer PRIMARY KEY)";

const APPLIED: &str = "SELECT coalesce(max(applied), 0) FROM dormouse.migrations";

const APPLY: &str = "INSERT INTO dormouse.migrations VALUES ($1)";

/// Makes what is missing. A database of a newer gateway, which this one might spoil, is left alone.
pub(crate) async fn migrate(client: &mut Object) -> Result<(), Failure> {
    let applied = match client.query_one(APPLIED, &[]).await {
        Ok(row) => row.try_get(0)?,
        Err(error) if is_missing(&error) => 0,
        Err(error) => return Err(error.into()),
    };
    if missing(applied)?.is_empty() {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    transaction.batch_execute(BEGIN).await?;
    // Another gateway may have done it meanwhile.
    let applied: i32 = transaction.query_one(APPLIED, &[]).await?.try_get(0)?;
    for (number, migration) in (applied + 1..).zip(missing(applied)?) {
        transaction.batch_execute(migration).await?;
        transaction.execute(APPLY, &[&number]).await?;
    }
    Ok(transaction.commit().await?)
}

fn missing(applied: i32) -> Result<&'static [&'static str], Failure> {
    let newer =
        || Failure::unusable(format!("schema {applied} is newer than {}", MIGRATIONS.len()));
    usize::try_from(applied).ok().and_then(|applied| MIGRATIONS.get(applied..)).ok_or_else(newer)
}

fn is_missing(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME].contains(code)
    })
}
