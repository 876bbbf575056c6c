//! Which store keeps the records.

mod data;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dormouse_core::{
    Error, Result,
    memory::MemoryRecords,
    ports::{Host, Records},
    settings::Settings,
};

/// What the URLs of stores that this build knows begin with.
const KNOWN: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "sqlite://",
    #[cfg(feature = "postgres")]
    "postgres://",
    #[cfg(feature = "redis")]
    "redis://",
    #[cfg(feature = "redis")]
    "rediss://",
    #[cfg(feature = "redis")]
    "redis+cluster://",
    #[cfg(feature = "redis")]
    "rediss+cluster://",
    #[cfg(feature = "dynamodb")]
    "dynamodb://",
    "memory:",
];

/// The name of the setting.
const SETTING: &str = "DORMOUSE_STORE";
/// The name of the SQLite file in the data directory.
const FILE: &str = "dormouse.db";

/// The store that the settings name. Nothing is opened before the first request that needs it.
pub(crate) fn open(settings: &Settings, host: Arc<dyn Host>) -> Result<Arc<dyn Records>> {
    let url = match &settings.store {
        Some(url) => url.expose().to_owned(),
        None => format!("sqlite://{}", data::make_directory(settings)?.join(FILE).display()),
    };
    let (scheme, rest) = url.split_once(':').unwrap_or((&url, ""));
    match scheme {
        "memory" if rest.is_empty() => Ok(Arc::new(MemoryRecords::new(host))),
        #[cfg(feature = "sqlite")]
        "sqlite" if rest.starts_with("//") => {
            sqlite(rest.trim_start_matches("//"), settings.store_timeout, host)
        }
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            let records =
                dormouse_postgres::PostgresRecords::new(&url, settings.store_timeout, host);
            Ok(Arc::new(records.map_err(|error| unusable(scheme, &error))?))
        }
        #[cfg(feature = "redis")]
        "redis" | "rediss" | "redis+cluster" | "rediss+cluster" => {
            let records = dormouse_redis::RedisRecords::new(&url, settings.store_timeout, host);
            Ok(Arc::new(records.map_err(|error| unusable(scheme, &error))?))
        }
        #[cfg(feature = "dynamodb")]
        "dynamodb" => {
            let options = dormouse_dynamodb::DynamoOptions::parse(&url);
            let options = options.map_err(|error| unusable(scheme, &error))?;
            let timeout = settings.store_timeout;
            Ok(Arc::new(dormouse_dynamodb::DynamoRecords::new(options, timeout, host)))
        }
        _ => Err(unknown(scheme)),
    }
}

/// The directory of the SQLite file, if the records are in one.
pub(crate) fn directory(settings: &Settings) -> Result<Option<PathBuf>> {
    let Some(url) = &settings.store else { return data::make_directory(settings).map(Some) };
    let file = url.expose().strip_prefix("sqlite://").map(Path::new);
    Ok(file.and_then(Path::parent).map(Path::to_owned))
}

/// The data directory, which need not exist.
#[cfg(target_os = "linux")]
pub(crate) fn data_directory(settings: &Settings) -> Result<PathBuf> {
    data::directory(settings)
}

/// The text may be anything, and what stands before a colon is not always a scheme.
fn unknown(scheme: &str) -> Error {
    let is_scheme = |it: char| it.is_ascii_alphanumeric() || "+-.".contains(it);
    let shown = if scheme.chars().all(is_scheme) { scheme } else { "this" };
    let known = KNOWN.join(", ");
    let message = format!("{SETTING}: `{shown}` is not a known kind of store; known are {known}");
    Error::invalid(SETTING, message)
}

/// What an adapter says of a URL, which it does not quote.
#[cfg(any(feature = "dynamodb", feature = "postgres", feature = "redis"))]
fn unusable(scheme: &str, error: &Error) -> Error {
    let message = format!("{SETTING}: what follows `{scheme}:` {}", error.message());
    Error::invalid(SETTING, message)
}

#[cfg(feature = "sqlite")]
fn sqlite(path: &str, timeout: Duration, host: Arc<dyn Host>) -> Result<Arc<dyn Records>> {
    let path = Path::new(path);
    if path.file_name().is_none() {
        let message = format!("{SETTING}: sqlite:// needs a path to a file");
        return Err(Error::invalid(SETTING, message));
    }
    Ok(Arc::new(dormouse_sqlite::SqliteRecords::new(path, host).with_lock_timeout(timeout)))
}

#[cfg(test)]
mod tests {
    use dormouse_host::NativeHost;

    use super::*;

    fn open_url(url: &str) -> Result<Arc<dyn Records>> {
        let settings = Settings::read(|name| match name {
            SETTING => Some(url.to_owned()),
            "DORMOUSE_UPSTREAM" => Some("http://127.0.0.1:1/v1".to_owned()),
            _ => None,
        })?;
        assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
        open(&settings, Arc::new(NativeHost::default()))
    }

    #[test]
    fn each_kind_of_store_is_chosen_by_its_url() {
        for (url, kind) in [
            ("memory:", "MemoryRecords"),
            #[cfg(feature = "sqlite")]
            ("sqlite:///nowhere/at/all.db", "SqliteRecords"),
            #[cfg(feature = "postgres")]
            ("postgres://me:secret@127.0.0.1:1/db", "PostgresRecords"),
            #[cfg(feature = "postgres")]
            ("postgresql://me:secret@db.example/db?sslmode=require", "PostgresRecords"),
            #[cfg(feature = "redis")]
            ("redis://:secret@127.0.0.1:1/0", "RedisRecords"),
            #[cfg(feature = "redis")]
            ("rediss://me:secret@cache.example", "RedisRecords"),
            #[cfg(feature = "redis")]
            ("redis+cluster://me:secret@127.0.0.1:1,127.0.0.1:2", "RedisRecords"),
            #[cfg(feature = "dynamodb")]
            ("dynamodb://dormouse?region=eu-central-1&create=true", "DynamoRecords"),
        ] {
            let records = open_url(url).expect(url);
            let shown = format!("{records:?}");
            assert!(shown.starts_with(kind), "{url}: {shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn an_unknown_kind_of_store_is_told_which_are_known_and_no_secret_is_repeated() {
        for url in [
            "mysql://me:secret@host/db",
            "redis//:secret@host",
            "secret@host:1",
            "sqlite://",
            "postgres://me:secret@host:port/db",
            "redis://:secret@host:port",
            "dynamodb://",
            "dynamodb://table?secret=secret",
        ] {
            let error = open_url(url).expect_err(url);
            assert_eq!(error.param(), Some(SETTING), "{error:?}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
        let error = open_url("mysql://host/db").expect_err("an unknown kind");
        for known in KNOWN {
            assert!(error.message().contains(known), "{error}");
        }
    }
}
