//! What no store is asked to keep: clause 9 of the contract, in one place.

use super::{BlobInfo, BlobPage, MAX_BLOB_NAME_BYTES};
use crate::{Error, Result, ports::MAX_ID_BYTES};

impl BlobInfo {
    /// Whether a blob can have this name. Stores call it before anything else.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest), naming the part at fault.
    pub fn validate_name(tenant: &str, name: &str) -> Result<()> {
        within("tenant", tenant, MAX_ID_BYTES)?;
        within("name", name, MAX_BLOB_NAME_BYTES)
    }
}

impl BlobPage {
    /// The most blobs that one page lists.
    pub const MAX_LIMIT: u32 = 1000;

    /// Whether every store can serve this page. Stores call it before anything else.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest), naming the field at fault.
    pub fn validate(&self, tenant: &str) -> Result<()> {
        within("tenant", tenant, MAX_ID_BYTES)?;
        if self.limit == 0 || self.limit > Self::MAX_LIMIT {
            return Err(Error::invalid("limit", format!("must be 1 to {}", Self::MAX_LIMIT)));
        }
        // A bound is not a name: an empty one is below every name.
        match self.after.as_deref() {
            None | Some("") => Ok(()),
            Some(after) => within("after", after, MAX_BLOB_NAME_BYTES),
        }
    }
}

fn within(param: &str, name: &str, most: usize) -> Result<()> {
    if name.is_empty() || name.len() > most || name.contains('\0') {
        return Err(Error::invalid(param, format!("must be 1 to {most} bytes without NUL")));
    }
    Ok(())
}
