//! What the file system reports, in the gateway's terms.

use std::{io, time::Duration};

use dormouse_core::{Code, Error, Result};
use tokio::task;

/// The error that a caller sees. It does not name a file.
pub(crate) fn unavailable(cause: io::Error) -> Error {
    Error::new(Code::StoreUnavailable, "the store of blobs cannot be read or written")
        .retry_after(Duration::from_secs(1))
        .caused_by(cause)
}

/// Does `work` where waiting for a disk holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match task::spawn_blocking(work).await {
        Ok(result) => result.map_err(unavailable),
        // The process is stopping, or the work has a defect.
        Err(ended) => {
            Err(Error::new(Code::StoreUnavailable, "the store of blobs has stopped")
                .caused_by(ended))
        }
    }
}

/// `None` where there is no such file.
pub(crate) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
