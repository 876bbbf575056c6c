//! Which store keeps the records.

use std::sync::Arc;

use dormouse_core::{
    Error, Result,
    ports::{Host, Records},
    settings::Settings,
};
use dormouse_redis::RedisRecords;

use crate::{records::SpinRecords, redis::SpinLink};

/// The name of the setting.
const SETTING: &str = "DORMOUSE_STORE";

/// The store that the settings name: the component's own database, or a Redis server. Nothing is opened
/// before the first request that needs it. Records expire by the clock of `host`.
pub(crate) fn open(settings: &Settings, host: Arc<dyn Host>) -> Result<Arc<dyn Records>> {
    let Some(url) = &settings.store else { return Ok(Arc::new(SpinRecords::new(host))) };
    match url.expose().split_once("://") {
        Some(("redis" | "rediss", _)) => {
            let link = SpinLink::new(url.clone(), settings.store_timeout);
            Ok(Arc::new(RedisRecords::over(link, host)))
        }
        _ => {
            let message = format!(
                "{SETTING}: a Spin component keeps its records in the database that Spin gives it, if this is empty, or in redis:// or rediss://"
            );
            Err(Error::invalid(SETTING, message))
        }
    }
}
