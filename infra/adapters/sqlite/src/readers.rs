//! The connections that read.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::Connection;

use crate::{
    failure::Failure,
    file::{Access, Link},
};

/// Connections to one file, each used by one reader at a time. Clones share them.
#[derive(Clone)]
pub(crate) struct Readers {
    path: PathBuf,
    patience: Duration,
    resting: Arc<Mutex<Vec<Link>>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf, patience: Duration) -> Self {
        Self { path, patience, resting: Arc::default() }
    }

    /// Reads on a connection that rests, or on a new one.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let resting = self.resting().pop();
        let mut link = resting.unwrap_or_else(|| {
            let (path, patience) = (self.path.clone(), self.patience);
            Link { path, access: Access::Read, patience, connection: None }
        });
        let result = link.with(|connection| read(connection));
        self.rest(link);
        result
    }

    /// Reads on a connection that rests, without ever waiting for another process. `None`: that cannot
    /// be done.
    pub(crate) fn read_at_once<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Option<T> {
        let mut link = self.resting().pop()?;
        let patience = link.patience;
        let result = link.with(|connection| {
            connection.busy_timeout(Duration::ZERO)?;
            let result = read(connection)?;
            connection.busy_timeout(patience)?;
            Ok(result)
        });
        // Whatever kept it from being read, those who have time will meet it and say so.
        if result.is_ok() {
            self.rest(link);
        }
        result.ok()
    }

    fn rest(&self, link: Link) {
        if link.connection.is_some() {
            self.resting().push(link);
        }
    }

    fn resting(&self) -> MutexGuard<'_, Vec<Link>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
