//! Opening the file: its schema, and how connections to it behave.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, hooks::Wal};

use crate::failure::Failure;

/// What brings a file from each version of the schema to the next; `user_version` counts those that
/// were applied. Published ones never change.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE records (
        tenant TEXT NOT NULL,
        collection TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        expires_at INTEGER,      -- milliseconds since 1970
        counters TEXT NOT NULL,  -- a JSON object of integers
        value BLOB NOT NULL,
        PRIMARY KEY (tenant, collection, id)
    ) STRICT;
    CREATE INDEX records_by_expiry ON records (expires_at) WHERE expires_at IS NOT NULL;

    CREATE TABLE tokens (
        tenant TEXT NOT NULL,
        token TEXT NOT NULL,
        versions TEXT NOT NULL,  -- a JSON array of integers, null where a record was deleted
        forget_at INTEGER NOT NULL,
        PRIMARY KEY (tenant, token)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tokens_by_age ON tokens (forget_at);

    -- One row: the last version given to any record.
    CREATE TABLE sequence (last INTEGER NOT NULL) STRICT;
    INSERT INTO sequence VALUES (0);
"];

/// How large the write-ahead log grows before its content is brought into the file, and how large it may
/// stay then. Bringing it there waits for the disk; a page that was written often is written once.
const LOG_BYTES: i64 = 16 * 1024 * 1024;
/// A commit changes a few bytes on each of about ten pages, and writes them whole.
const PAGE_BYTES: i64 = 2048;

/// What a connection is for.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    Read,
    /// It also notes how long the log is, and leaves it to others to bring it into the file.
    Write(Log),
}

/// Whether the write-ahead log has grown so long that its content is to be brought into the file. Clones
/// are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<AtomicBool>);

impl Log {
    pub(crate) fn is_long(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Has `connection` take note after each commit, in the place of SQLite, which would bring the content
    /// into the file within the commit.
    fn watch(&self, connection: &mut Connection, most: i64) -> Result<(), Failure> {
        let log = self.clone();
        let note = move |_: &mut Wal, pages| {
            log.0.store(i64::from(pages) >= most, Ordering::Relaxed);
            Ok(())
        };
        Ok(connection.wal_hook(Some(note))?)
    }

    /// Brings the content into the file as far as no reader needs the log; the next commit begins it anew, and
    /// notes that.
    pub(crate) fn shorten(connection: &Connection) -> Result<(), Failure> {
        Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
    }
}

/// A connection that opens when it is first used, and again after a failure.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) path: PathBuf,
    pub(crate) access: Access,
    /// How long to wait for other processes.
    pub(crate) patience: Duration,
    pub(crate) connection: Option<Connection>,
}

impl Link {
    /// Does `work` on the connection.
    pub(crate) fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open()?,
        };
        let result = work(&mut connection);
        if result.as_ref().err().is_none_or(Failure::is_lock) {
            self.connection = Some(connection);
        }
        result
    }

    /// Does `work` without ever waiting for another process.
    pub(crate) fn at_once<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.wait_for(Duration::ZERO);
        let done = work(self);
        self.wait_for(self.patience);
        done
    }

    fn wait_for(&mut self, patience: Duration) {
        // A connection that refuses is of no use; the next one is opened.
        self.connection = self.connection.take().filter(|it| it.busy_timeout(patience).is_ok());
    }

    fn open(&self) -> Result<Connection, Failure> {
        create_private(&self.path)?;
        // Without SQLITE_OPEN_URI a path is never read as anything but a path.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(self.patience)?;
        // Only a file without content heeds this.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        missing_migrations(&connection)?;
        use_write_ahead_log(&connection, self.patience)?;
        // In a write-ahead log this survives the death of the process, though perhaps not of the
        // machine, and commits need not wait for the disk.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        let page_bytes: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        migrate(&mut connection)?;
        match &self.access {
            Access::Read => connection.pragma_update(None, "query_only", true)?,
            Access::Write(log) => log.watch(&mut connection, LOG_BYTES / page_bytes.max(1))?,
        }
        Ok(connection)
    }
}

/// Creates the file if it is missing, for its owner's eyes only; SQLite gives its companions the same
/// mode. Its folder must exist: a mistyped path shall not become an empty store.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Turns the log on, which is kept in the file. While another process does the same, SQLite reports a
/// lock at once instead of waiting.
fn use_write_ahead_log(connection: &Connection, patience: Duration) -> Result<(), Failure> {
    let deadline = Instant::now() + patience;
    loop {
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode.map_err(Failure::from) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => return Err(Failure::unusable("no write-ahead log on this file system")),
            Err(failure) if failure.is_lock() && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn migrate(connection: &mut Connection) -> Result<(), Failure> {
    if missing_migrations(connection)?.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it meanwhile.
    for migration in missing_migrations(&transaction)? {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    transaction.commit()?;
    Ok(())
}

/// Fails for a file of a newer gateway, which this one might spoil.
fn missing_migrations(connection: &Connection) -> Result<&'static [&'static str], Failure> {
    let applied: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    MIGRATIONS.get(applied..).ok_or_else(|| {
        Failure::unusable(format!("schema {applied} is newer than {}", MIGRATIONS.len()))
    })
}
