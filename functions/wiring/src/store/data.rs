//! The data directory, where a store is kept that nobody has chosen.

use std::{env, fs::DirBuilder, path::PathBuf};

use dormouse_core::{Error, Result, settings::Settings};

/// The directory is ours, so it is made if it is missing, for its owner alone.
pub(super) fn make_directory(settings: &Settings) -> Result<PathBuf> {
    let directory = directory(settings)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(&directory).map_err(|error| {
        let message = format!("DORMOUSE_DATA: cannot make {}: {error}", directory.display());
        Error::invalid("DORMOUSE_DATA", message)
    })?;
    Ok(directory)
}

/// Where it is, or would be.
pub(super) fn directory(settings: &Settings) -> Result<PathBuf> {
    if let Some(directory) = &settings.data {
        return Ok(PathBuf::from(directory));
    }
    // https://specifications.freedesktop.org/basedir-spec/latest/
    let absolute =
        |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("dormouse"))
        .ok_or_else(|| {
            Error::invalid(
                "DORMOUSE_DATA",
                "there is no home directory: set DORMOUSE_DATA or DORMOUSE_STORE",
            )
        })
}
