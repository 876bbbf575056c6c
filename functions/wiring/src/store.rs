//! Which store keeps the records.

use std::{
    env,
    fs::DirBuilder,
    path::{Path, PathBuf},
    sync::Arc,
};

use dormouse_core::{
    Error, Result,
    memory::MemoryRecords,
    ports::{Host, Records},
    settings::Settings,
};

/// The schemes of store URLs that this build knows.
#[cfg(feature = "sqlite")]
const KNOWN: &str = "sqlite://, memory:";
#[cfg(not(feature = "sqlite"))]
const KNOWN: &str = "memory:";

/// The name of the SQLite file in the data directory.
const FILE: &str = "dormouse.db";

pub(crate) fn open(settings: &Settings, host: Arc<dyn Host>) -> Result<Arc<dyn Records>> {
    let url = match &settings.store {
        Some(url) => url.clone(),
        None => format!("sqlite://{}", make_data_directory(settings)?.join(FILE).display()),
    };
    if url == "memory:" {
        return Ok(Arc::new(MemoryRecords::new(host)));
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = url.strip_prefix("sqlite://") {
        return sqlite(Path::new(path), host);
    }
    let scheme = url.split_once(':').map_or(url.as_str(), |(scheme, _)| scheme);
    let message =
        format!("DORMOUSE_STORE: `{scheme}` is not a known kind of store; known are {KNOWN}");
    Err(Error::invalid("DORMOUSE_STORE", message))
}

#[cfg(feature = "sqlite")]
fn sqlite(path: &Path, host: Arc<dyn Host>) -> Result<Arc<dyn Records>> {
    if path.file_name().is_none() {
        return Err(Error::invalid(
            "DORMOUSE_STORE",
            "DORMOUSE_STORE: sqlite:// needs a path to a file",
        ));
    }
    Ok(Arc::new(dormouse_sqlite::SqliteRecords::new(path, host)))
}

/// The directory is ours, so it is made if it is missing, for its owner alone.
fn make_data_directory(settings: &Settings) -> Result<PathBuf> {
    let directory = data_directory(settings)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(&directory).map_err(|error| {
        let message = format!("DORMOUSE_DATA: cannot make {}: {error}", directory.display());
        Error::invalid("DORMOUSE_DATA", message)
    })?;
    Ok(directory)
}

fn data_directory(settings: &Settings) -> Result<PathBuf> {
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
