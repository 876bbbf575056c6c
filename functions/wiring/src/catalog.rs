//! Where the catalog comes from.

use std::{
    borrow::Cow,
    env,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use dormouse_core::{
    Error, Result,
    catalog::{Catalog, MAX_BYTES},
    settings::{CatalogSource, Settings},
};

/// The catalog that `settings` name, with the variables of this process put in; where they name none,
/// the one that they amount to.
///
/// A catalog that cannot be read or is wrong is an
/// [`InvalidRequest`](dormouse_core::Code::InvalidRequest), with a line for each problem.
pub fn catalog(settings: &Settings) -> Result<Catalog> {
    let Some(source) = &settings.config else { return Catalog::of_settings(settings) };
    let text = match source {
        CatalogSource::File(path) => Cow::Owned(text(Path::new(path)).map_err(|error| {
            let message = format!("cannot read the catalog {path}: {error}");
            Error::invalid("DORMOUSE_CONFIG", message)
        })?),
        CatalogSource::Text(text) => Cow::Borrowed(text.expose()),
    };
    let catalog = Catalog::read(&text, |name| env::var(name).ok());
    catalog.map_err(|problems| problems.into_error(source.name()))
}

/// Reads no more of a file of YAML than shows that it is too long.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    File::open(path)?.take(most).read_to_string(&mut text).map(|_| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog_of(config: &str) -> Result<Catalog> {
        let settings =
            Settings::read(|name| (name == "DORMOUSE_CONFIG").then(|| config.to_owned()));
        catalog(&settings?)
    }

    #[test]
    fn the_setting_may_be_the_catalog_itself() {
        let found = catalog_of("\nmodels: [{name: a, provider: machine}]").unwrap();
        assert_eq!(found.models().len(), 1);
        let error = catalog_of("\nmodels: []").unwrap_err();
        assert!(error.message().starts_with("DORMOUSE_CONFIG:2:9: models: "), "{error}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = catalog_of("/nowhere/catalog.yaml").unwrap_err();
        assert_eq!(error.param(), Some("DORMOUSE_CONFIG"));
        assert!(error.message().contains("/nowhere/catalog.yaml"), "{error}");
    }
}
