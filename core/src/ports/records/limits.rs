//! What no store is asked to keep: clause 10 of the contract, in one place.

use std::collections::BTreeSet;

use super::{Commit, MAX_ID_BYTES, MAX_VALUE_BYTES, MAX_WRITES, Page, Record, Timestamp, Write};
use crate::{Error, Result};

impl Commit {
    /// The most bytes that the values of one commit have together.
    pub const MAX_BYTES: usize = 2 * 1024 * 1024;

    /// Whether every store accepts this commit. Stores call it before anything else.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest), naming the field at fault.
    pub fn validate(&self) -> Result<()> {
        name(|| "tenant".into(), &self.tenant)?;
        if let Some(token) = &self.token {
            name(|| "token".into(), token)?;
        }
        if self.writes.is_empty() || self.writes.len() > MAX_WRITES {
            return Err(Error::invalid("writes", format!("must be 1 to {MAX_WRITES}")));
        }
        let (mut targets, mut bytes) = (BTreeSet::new(), 0);
        for (index, write) in self.writes.iter().enumerate() {
            bytes += write.validate(index)?;
            if !targets.insert(write.target()) {
                let at = format!("writes[{index}]");
                return Err(Error::invalid(at, "must be the only write to its record"));
            }
        }
        if bytes > Self::MAX_BYTES {
            let at_most = format!("must have at most {} bytes of values", Self::MAX_BYTES);
            return Err(Error::invalid("writes", at_most));
        }
        Ok(())
    }
}

impl Write {
    /// The most counters that one [`Add`](Self::Add) changes.
    pub const MAX_COUNTERS: usize = 16;
    /// The latest moment at which a record may expire: the end of the year 9999.
    pub const LATEST_EXPIRY: Timestamp = Timestamp(253_402_300_799_999);

    /// The size of its value, if it is within the limits.
    fn validate(&self, index: usize) -> Result<usize> {
        let at = |field: &str| format!("writes[{index}].{field}");
        let (collection, id) = self.target();
        name(|| at("collection"), collection)?;
        name(|| at("id"), id)?;
        match self {
            Self::Put { value, expires_at, .. } => {
                if value.len() > MAX_VALUE_BYTES {
                    let at_most = format!("must have at most {MAX_VALUE_BYTES} bytes");
                    return Err(Error::invalid(at("value"), at_most));
                }
                if expires_at.is_some_and(|expiry| expiry > Self::LATEST_EXPIRY) {
                    return Err(Error::invalid(at("expires_at"), "must be before the year 10000"));
                }
                Ok(value.len())
            }
            Self::Add { fields, ceiling, .. } => {
                if fields.len() > Self::MAX_COUNTERS {
                    let at_most = format!("must be at most {} counters", Self::MAX_COUNTERS);
                    return Err(Error::invalid(at("fields"), at_most));
                }
                for counter in fields.keys().chain(ceiling.iter().map(|(counter, _)| counter)) {
                    name(|| at("fields"), counter)?;
                }
                Ok(0)
            }
            Self::Delete { .. } => Ok(0),
        }
    }
}

impl Page {
    /// The most records that one page holds.
    pub const MAX_LIMIT: u32 = 1000;

    /// Whether every store can serve this page of a collection. Stores call it before anything else.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest), naming the field at fault.
    pub fn validate(&self, tenant: &str, collection: &str) -> Result<()> {
        name(|| "tenant".into(), tenant)?;
        name(|| "collection".into(), collection)?;
        if self.limit == 0 || self.limit > Self::MAX_LIMIT {
            return Err(Error::invalid("limit", format!("must be 1 to {}", Self::MAX_LIMIT)));
        }
        for (field, bound) in [("after", &self.after), ("before", &self.before)] {
            // A bound is not a name: an empty one is below every id.
            if let Some(bound) = bound.as_deref().filter(|bound| !bound.is_empty()) {
                name(|| field.into(), bound)?;
            }
        }
        Ok(())
    }
}

impl Record {
    /// Whether a record can have this name. Stores call it before they read one.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest), naming the part at fault.
    pub fn validate_name(tenant: &str, collection: &str, id: &str) -> Result<()> {
        name(|| "tenant".into(), tenant)?;
        name(|| "collection".into(), collection)?;
        name(|| "id".into(), id)
    }
}

fn name(param: impl FnOnce() -> String, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_ID_BYTES || name.contains('\0') {
        let wanted = format!("must be 1 to {MAX_ID_BYTES} bytes without NUL");
        return Err(Error::invalid(param(), wanted));
    }
    Ok(())
}
