//! Connections to the database, and transactions on them.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dormouse_core::{Code, Error, Result};
use spin_sdk::{
    sqlite::{Connection, Error as SqlError, RowResult, Value},
    time::sleep,
};

use crate::turns::{Turn, Turns};

/// How often a statement is tried that finds the database locked. Spin itself waits some seconds each
/// time.
const ATTEMPTS: u32 = 5;
/// The wait after the first such attempt; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(20);

const IS_COMPLETE: &str =
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'dormouse_versions'";

/// The tables. The last statement makes the table that says that all are there.
const SCHEMA: [&str; 6] = [
    "CREATE TABLE IF NOT EXISTS dormouse_records (
       tenant TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL,
       value BLOB NOT NULL, counters TEXT NOT NULL, version INTEGER NOT NULL, expires_at INTEGER,
       PRIMARY KEY (tenant, collection, id))",
    "CREATE INDEX IF NOT EXISTS dormouse_records_expiry
       ON dormouse_records (expires_at) WHERE expires_at IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS dormouse_tokens (
       tenant TEXT NOT NULL, token TEXT NOT NULL, versions TEXT NOT NULL,
       expires_at INTEGER NOT NULL, PRIMARY KEY (tenant, token))",
    "CREATE INDEX IF NOT EXISTS dormouse_tokens_expiry ON dormouse_tokens (expires_at)",
    "CREATE TABLE IF NOT EXISTS dormouse_versions (
       only INTEGER PRIMARY KEY CHECK (only = 1), last INTEGER NOT NULL)",
    "INSERT INTO dormouse_versions (only, last) VALUES (1, 0) ON CONFLICT DO NOTHING",
];

/// The database that the manifest calls `default`.
#[derive(Default)]
pub(super) struct Database {
    idle: Mutex<Vec<Connection>>,
    complete: AtomicBool,
    /// SQLite has one writer at a time. Those of one instance queue here, which is fairer and quicker
    /// than finding the file locked.
    turns: Turns,
}

impl Database {
    /// Runs one statement that changes nothing.
    pub(super) async fn read(
        &self,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Vec<RowResult>> {
        let connection = self.connection().await?;
        let rows = patiently(&connection, statement, parameters).await?;
        self.keep(connection);
        Ok(rows)
    }

    /// Begins to change something. Nobody else can until the transaction ends.
    pub(super) async fn begin(&self) -> Result<Transaction<'_>> {
        let turn = self.turns.take().await;
        let connection = self.connection().await?;
        patiently(&connection, "BEGIN IMMEDIATE", &[]).await?;
        Ok(Transaction { database: self, connection, _turn: turn })
    }

    async fn connection(&self) -> Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(connection) = idle {
            return Ok(connection);
        }
        let connection = Connection::open_default().await.map_err(unavailable)?;
        if !self.complete.load(Ordering::Relaxed) {
            complete(&connection).await?;
            self.complete.store(true, Ordering::Relaxed);
        }
        Ok(connection)
    }

    /// For the next call. A connection on which something failed is closed instead.
    fn keep(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

/// A transaction that holds the write lock. Dropped without an end, it is rolled back, because its
/// connection is closed.
pub(super) struct Transaction<'a> {
    database: &'a Database,
    connection: Connection,
    _turn: Turn<'a>,
}

impl Transaction<'_> {
    /// Runs one statement.
    pub(super) async fn run(
        &mut self,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Vec<RowResult>> {
        run(&self.connection, statement, parameters).await.map_err(unavailable)
    }

    /// Makes everything since [`Database::begin`] true at once.
    pub(super) async fn commit(self) -> Result<()> {
        self.end("COMMIT").await
    }

    /// Undoes everything since [`Database::begin`].
    pub(super) async fn roll_back(self) -> Result<()> {
        self.end("ROLLBACK").await
    }

    async fn end(self, how: &str) -> Result<()> {
        patiently(&self.connection, how, &[]).await?;
        self.database.keep(self.connection);
        Ok(())
    }
}

/// Makes the tables, unless another instance has.
async fn complete(connection: &Connection) -> Result<()> {
    let rows = patiently(connection, IS_COMPLETE, &[]).await?;
    if rows.first().and_then(|row| row.get::<i64>(0)) == Some(1) {
        return Ok(());
    }
    patiently(connection, "BEGIN IMMEDIATE", &[]).await?;
    for statement in SCHEMA {
        run(connection, statement, &[]).await.map_err(unavailable)?;
    }
    patiently(connection, "COMMIT", &[]).await?;
    Ok(())
}

/// Runs a statement that can be tried again if the database is locked.
async fn patiently(
    connection: &Connection,
    statement: &str,
    parameters: &[Value],
) -> Result<Vec<RowResult>> {
    let mut wait = FIRST_WAIT;
    for _ in 1..ATTEMPTS {
        match run(connection, statement, parameters).await {
            Err(error) if is_locked(&error) => sleep(wait).await,
            done => return done.map_err(unavailable),
        }
        wait *= 2;
    }
    run(connection, statement, parameters).await.map_err(unavailable)
}

async fn run(
    connection: &Connection,
    statement: &str,
    parameters: &[Value],
) -> Result<Vec<RowResult>, SqlError> {
    connection.execute(statement, parameters.iter().cloned()).await?.collect().await
}

/// Spin passes SQLite's own words on.
fn is_locked(error: &SqlError) -> bool {
    matches!(error, SqlError::Io(message) if message.contains("locked") || message.contains("busy"))
}

fn unavailable(error: SqlError) -> Error {
    Error::new(Code::StoreUnavailable, "the store cannot be reached").caused_by(error)
}
