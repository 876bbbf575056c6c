//! What holds for one tenant: a cascade of the process's settings, the catalog's file, and what is stored.
//!
//! | level     | said by                                                  | holds for             |
//! |-----------|----------------------------------------------------------|-----------------------|
//! | `process` | [`Settings`]                                             | all tenants           |
//! | `file`    | the catalog: `tenant_defaults`, then the tenant's entry  | all, or one           |
//! | `stored`  | [`Tenants::put`], in the store                           | one, in all processes |
//!
//! The last level that says something of a key counts. What the keys are is written once, in [`KEYS`].
//!
//! A request costs no read: what holds for a tenant is remembered for as long as
//! [a setting](Settings::tenant_config_ttl) says. A process follows its own writes at once, and those of
//! others within that time.

mod cache;
mod config;
mod value;

use std::{collections::BTreeMap, sync::Arc};

pub use config::{Config, Effective, KEYS, Key, Layer, Level};
pub use value::{AtLeast, Kind, Percent};

use self::cache::Cache;
use crate::{
    Code, Error, Result,
    ports::{Commit, Host, Outcome, Records, Version, When, Write},
    settings::Settings,
};

/// Where the stored level is: one record of each tenant that has one.
const COLLECTION: &str = "config";
const ID: &str = "config";

/// What the file of a catalog says of tenants.
#[derive(Clone, Debug, Default)]
pub struct FileLevel {
    /// Of all.
    pub defaults: Layer,
    /// Of some, by their names; this comes after `defaults`.
    pub tenants: BTreeMap<String, Layer>,
}

/// What holds for each tenant of a gateway.
#[derive(Debug)]
pub struct Tenants {
    records: Arc<dyn Records>,
    process: Config,
    file: FileLevel,
    cache: Cache,
}

/// What holds for a tenant, and the state of its stored level.
#[derive(Clone, Debug)]
pub struct Current {
    /// What holds.
    pub effective: Arc<Effective>,
    /// The version of the stored level; `None` if there is none.
    pub version: Option<Version>,
}

impl Tenants {
    /// The tenants whose stored level is in `records`.
    pub fn new(
        records: Arc<dyn Records>,
        host: Arc<dyn Host>,
        settings: &Settings,
        file: FileLevel,
    ) -> Self {
        let cache = Cache::new(host, settings.tenant_config_ttl);
        Self { records, process: Config::of_settings(settings), file, cache }
    }

    /// What holds for `tenant`, as this process knows it.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`] if it must be read and the store is not there.
    pub async fn of(&self, tenant: &str) -> Result<Arc<Effective>> {
        match self.cache.get(tenant) {
            Some(effective) => Ok(effective),
            None => Ok(self.read(tenant).await?.effective),
        }
    }

    /// What holds for `tenant` by the store.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`] if the store is not there.
    pub async fn read(&self, tenant: &str) -> Result<Current> {
        let epoch = self.cache.epoch();
        let record = self.records.get(tenant, COLLECTION, ID).await?;
        let stored = record.as_ref().map(|record| Layer::stored(&record.value)).transpose()?;
        let effective = Arc::new(self.effective(tenant, &stored.unwrap_or_default()));
        self.cache.keep(tenant, &effective, epoch);
        Ok(Current { effective, version: record.map(|record| record.version) })
    }

    /// Replaces the stored level of `tenant` by `layer`. What it does not say comes from the levels below.
    ///
    /// # Errors
    ///
    /// [`Code::Conflict`] if `when` does not hold, [`Code::StoreUnavailable`] if the store is not there.
    pub async fn put(&self, tenant: &str, layer: &Layer, when: When) -> Result<Current> {
        let version =
            self.write(tenant, Write::put_when(COLLECTION, ID, layer.json()?, when)).await;
        self.cache.forget(tenant);
        let version = version?;
        let effective = Arc::new(self.effective(tenant, layer));
        Ok(Current { effective, version })
    }

    /// Deletes the stored level of `tenant`, if it has one.
    ///
    /// # Errors
    ///
    /// As those of [`put`](Self::put).
    pub async fn clear(&self, tenant: &str, when: When) -> Result<Current> {
        let version = self.write(tenant, Write::delete_when(COLLECTION, ID, when)).await;
        self.cache.forget(tenant);
        let version = version?;
        Ok(Current { effective: Arc::new(self.effective(tenant, &Layer::default())), version })
    }

    async fn write(&self, tenant: &str, write: Write) -> Result<Option<Version>> {
        match self.records.commit(Commit::new(tenant, vec![write])).await? {
            Outcome::Applied(versions) => Ok(versions.into_iter().next().flatten()),
            Outcome::Refused { .. } => {
                let message = "the configuration has changed since it was read";
                Err(Error::new(Code::Conflict, message).at("If-Match"))
            }
        }
    }

    fn effective(&self, tenant: &str, stored: &Layer) -> Effective {
        let mut effective = Effective::of(self.process.clone());
        effective.lay(Level::File, &self.file.defaults);
        if let Some(own) = self.file.tenants.get(tenant) {
            effective.lay(Level::File, own);
        }
        effective.lay(Level::Stored, stored);
        effective
    }
}
