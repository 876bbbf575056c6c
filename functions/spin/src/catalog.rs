//! The catalog of a component, which has no files: the setting is the catalog itself.

use std::collections::BTreeMap;

use dormouse_core::{
    Error, Result,
    catalog::Catalog,
    settings::{CatalogSource, Settings},
};

use crate::settings::look_up;

/// The catalog that `settings` hold, with Spin variables and the environment put in; where they hold
/// none, the one that they amount to.
pub(crate) async fn read(settings: &Settings) -> Result<Catalog> {
    let text = match &settings.config {
        None => return Catalog::of_settings(settings),
        Some(CatalogSource::Text(text)) => text.expose(),
        Some(CatalogSource::File(path)) => {
            let message = format!(
                "DORMOUSE_CONFIG: a Spin component cannot read the file {path}; put the catalog itself here, with its line breaks"
            );
            return Err(Error::invalid("DORMOUSE_CONFIG", message));
        }
    };
    let mut given = BTreeMap::new();
    for name in Catalog::variables(text) {
        if let Some(value) = look_up(&name).await? {
            given.insert(name, value);
        }
    }
    Catalog::read(text, |name| given.get(name).cloned())
        .map_err(|problems| problems.into_error("DORMOUSE_CONFIG"))
}
