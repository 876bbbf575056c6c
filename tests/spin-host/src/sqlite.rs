//! `spin:sqlite`: real connections to a real file.
//!
//! Each `open` is a connection of its own with SQLite's default settings, so that a transaction may
//! span several statements, and one that is dropped in the middle of a transaction rolls it back.
//! Statements run on threads that may block.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::types::{Value as Column, ValueRef};
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use crate::{
    bindings::sqlite::{Error, Host, HostConnection, HostConnectionWithStore, RowResult, Value},
    guest::Guest,
};

/// How long a statement waits for another connection's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The only database there is.
const DATABASE: &str = "default";

/// What the component holds a handle to.
#[derive(Clone, Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Connection(Arc<Mutex<rusqlite::Connection>>);

type Rows = (Vec<String>, Vec<RowResult>);
type Streamed = (Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>);

impl Connection {
    fn open(file: &Path) -> rusqlite::Result<Self> {
        let connection = rusqlite::Connection::open(file)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    fn execute(&self, statement: &str, parameters: Vec<Value>) -> rusqlite::Result<Rows> {
        // A statement that panicked left SQLite's own state intact.
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached(statement)?;
        let columns: Vec<String> =
            statement.column_names().into_iter().map(str::to_owned).collect();
        let parameters = rusqlite::params_from_iter(parameters.into_iter().map(Column::from));
        let rows = statement
            .query_map(parameters, |row| {
                let values = (0..columns.len())
                    .map(|index| row.get_ref(index).map(Value::from))
                    .collect::<rusqlite::Result<_>>()?;
                Ok(RowResult { values })
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok((columns, rows))
    }
}

impl From<Value> for Column {
    fn from(value: Value) -> Self {
        match value {
            Value::Integer(integer) => Self::Integer(integer),
            Value::Real(real) => Self::Real(real),
            Value::Text(text) => Self::Text(text),
            Value::Blob(blob) => Self::Blob(blob),
            Value::Null => Self::Null,
        }
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(column: ValueRef<'_>) -> Self {
        match column {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(integer) => Self::Integer(integer),
            ValueRef::Real(real) => Self::Real(real),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(blob) => Self::Blob(blob.to_vec()),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Io(error.to_string())
}

/// Runs `work` where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(failed)?.map_err(failed)
}

impl Host for Guest {}

impl HostConnection for Guest {
    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl HostConnectionWithStore<Guest> for HasSelf<Guest> {
    async fn open_async(
        accessor: &Accessor<Guest, Self>,
        database: String,
    ) -> Result<Resource<Connection>, Error> {
        let file = accessor.with(|mut access| access.get().outside.sqlite.clone());
        let Some(file) = file.filter(|_| database == DATABASE) else {
            return Err(Error::AccessDenied);
        };
        let connection = blocking(move || Connection::open(&file)).await?;
        accessor.with(|mut access| access.get().table.push(connection)).map_err(failed)
    }

    async fn execute_async(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<Streamed, Error> {
        let connection = accessor
            .with(|mut access| access.get().table.get(&connection).cloned())
            .map_err(|_| Error::InvalidConnection)?;
        let (columns, rows) = blocking(move || connection.execute(&statement, parameters)).await?;
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, rows).map_err(failed)?;
            let end = FutureReader::new(&mut access, async { wasmtime::error::Ok(Ok(())) })
                .map_err(failed)?;
            Ok((columns, rows, end))
        })
    }
}
