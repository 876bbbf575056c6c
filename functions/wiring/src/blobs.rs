//! Which store keeps the blobs.

use std::{path::Path, sync::Arc};

use dormouse_core::{
    Error, Result,
    memory::MemoryBlobs,
    ports::{Blobs, Host},
    settings::Settings,
};
use dormouse_files::FileBlobs;

use crate::store;

/// What the URLs that this build knows begin with.
const KNOWN: &[&str] = &[
    "files://",
    #[cfg(feature = "s3")]
    "s3://",
    "records:",
    "memory:",
];

/// The name of the setting.
const SETTING: &str = "DORMOUSE_BLOBS";
/// The name of the directory beside the SQLite file.
const DIRECTORY: &str = "blobs";

/// The store of blobs that the settings name; `None` if they are kept with the records. Nothing is opened
/// before the first request that needs it.
pub(crate) fn open(settings: &Settings, host: &Arc<dyn Host>) -> Result<Option<Arc<dyn Blobs>>> {
    let files = |directory: &Path| Arc::new(FileBlobs::new(directory, Arc::clone(host)));
    let Some(url) = &settings.blobs else {
        let beside = store::directory(settings)?.map(|directory| directory.join(DIRECTORY));
        return Ok(beside.map(|directory| files(&directory) as _));
    };
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match (scheme, rest.strip_prefix("//")) {
        ("records", None) if rest.is_empty() => Ok(None),
        ("memory", None) if rest.is_empty() => Ok(Some(Arc::new(MemoryBlobs::new()))),
        ("files", Some(directory)) if Path::new(directory).file_name().is_some() => {
            Ok(Some(files(Path::new(directory))))
        }
        ("files", _) => Err(wrong("files:// needs the path of a directory")),
        #[cfg(feature = "s3")]
        ("s3", Some(_)) => {
            let options = dormouse_s3::S3Options::parse(url);
            let unusable = |error: Error| wrong(&format!("what follows `s3:` {}", error.message()));
            let options = options.map_err(unusable)?;
            Ok(Some(Arc::new(dormouse_s3::S3Blobs::new(options, Arc::clone(host)))))
        }
        _ => {
            let known = KNOWN.join(", ");
            Err(wrong(&format!("this is not a known kind of store for blobs; known are {known}")))
        }
    }
}

fn wrong(why: &str) -> Error {
    Error::invalid(SETTING, format!("{SETTING}: {why}"))
}

#[cfg(test)]
mod tests {
    use dormouse_host::NativeHost;

    use super::*;

    fn open_with(store: &str, blobs: &str) -> Result<Option<String>> {
        let settings = Settings::read(|name| match name {
            SETTING => Some(blobs.to_owned()),
            "DORMOUSE_STORE" => Some(store.to_owned()),
            _ => None,
        })?;
        let host: Arc<dyn Host> = Arc::new(NativeHost::default());
        Ok(open(&settings, &host)?.map(|blobs| format!("{blobs:?}")))
    }

    #[test]
    fn each_kind_of_store_is_chosen_by_its_url() {
        for (store, url, kind) in [
            ("memory:", "memory:", Some("MemoryBlobs")),
            ("memory:", "records:", None),
            ("memory:", "files:///nowhere/at/all", Some("FileBlobs")),
            #[cfg(feature = "s3")]
            ("memory:", "s3://bucket/prefix?region=eu-central-1", Some("S3Blobs")),
            ("memory:", "", None),
            ("sqlite:///nowhere/at/all.db", "", Some("FileBlobs")),
            ("sqlite:///nowhere/at/all.db", "records:", None),
        ] {
            let shown = open_with(store, url).expect(url);
            assert_eq!(shown.is_some(), kind.is_some(), "{store} {url}: {shown:?}");
            let (shown, kind) = (shown.unwrap_or_default(), kind.unwrap_or_default());
            assert!(shown.starts_with(kind), "{store} {url}: {shown}");
        }
        let beside = open_with("sqlite:///nowhere/at/all.db", "").expect("files").expect("files");
        assert!(beside.contains("/nowhere/at/blobs"), "{beside}");
    }

    #[test]
    fn an_unknown_kind_of_store_is_told_which_are_known() {
        for url in
            ["ftp://host/dir", "files://", "files:/dir", "s3://", "memory:x", "/dir", "s3://b?x=y"]
        {
            let error = open_with("memory:", url).expect_err(url);
            assert_eq!(error.param(), Some(SETTING), "{url}: {error:?}");
        }
        let error = open_with("memory:", "ftp://host").expect_err("an unknown kind");
        for known in KNOWN {
            assert!(error.message().contains(known), "{error}");
        }
    }
}
