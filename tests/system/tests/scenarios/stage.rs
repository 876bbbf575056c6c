//! What a scenario plays on: a host, a scripted upstream, a place for records.

use std::{
    collections::BTreeMap, fs, future::Future, os::unix::fs::PermissionsExt, path::PathBuf,
    sync::Arc, time::Duration,
};

use dormouse_testkit::upstream::Upstream;
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::{
    client::Gateway,
    host::{Host, Running},
};

/// The administrator's key of every gateway.
pub(crate) const ADMIN_KEY: &str = "sk-dormouse-administrator-of-tests";

/// For streamed requests whose failure is to have its own status: a machine that is slow takes its time to hear of
/// one, and after a second the headers would be sent.
pub(crate) const UNHURRIED: (&str, &str) = ("DORMOUSE_HEADERS_WITHIN", "60s");

/// The most processes that a function may have at once. Every running request needs one.
const INSTANCES: usize = 32;

/// How long anything may take that must happen. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// One scenario's surroundings. What it starts ends with it.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Where gateways run.
    pub(crate) host: Host,
    /// The provider behind them.
    pub(crate) upstream: Upstream,
    /// How many processes a gateway may consist of, where the host decides.
    pub(crate) instances: usize,
    folder: TempDir,
}

impl Stage {
    /// Sets the stage on `host`.
    pub(crate) async fn on(host: Host) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Programs in a sandbox may be another user than this one, and must get to their files.
        let open = PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("a folder of our own");
        Self { host, upstream: Upstream::start().await, instances: INSTANCES, folder }
    }

    /// A gateway in front of the scripted upstream.
    pub(crate) async fn gateway(&self, settings: &[(&str, &str)]) -> Gateway {
        self.gateway_for(&self.upstream.base_url(), settings).await
    }

    /// A gateway in front of `upstream`. All gateways of a stage share their records.
    pub(crate) async fn gateway_for(&self, upstream: &str, settings: &[(&str, &str)]) -> Gateway {
        let ours = [
            ("DORMOUSE_UPSTREAM", upstream),
            ("DORMOUSE_API_KEY", ADMIN_KEY),
            ("DORMOUSE_LOG_FORMAT", "json"),
            // So that a busy machine is no broken store.
            ("DORMOUSE_STORE_TIMEOUT", "60s"),
        ];
        let settings: BTreeMap<String, String> = ours
            .iter()
            .chain(settings)
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (running, base) = Running::start(self, &settings).await;
        Gateway::new(base, ADMIN_KEY, Arc::new(Mutex::new(running)))
    }

    /// A function that works on runs when it is given an event, for gateways on Lambda.
    pub(crate) async fn worker(&self, settings: &[(&str, &str)]) -> Gateway {
        let worker = [("DORMOUSE_LAMBDA_INVOKE_MODE", "worker")];
        self.gateway(&[settings, &worker].concat()).await
    }

    /// Overwrites the gateways' records, so that nothing can be read or written any more.
    pub(crate) fn spoil_store(&self) {
        for entry in fs::read_dir(self.folder.path()).expect("the folder") {
            let path = entry.expect("an entry").path();
            let length = fs::metadata(&path).expect("a file").len();
            let rubbish = vec![0xAA; usize::try_from(length).expect("a small file").max(4096)];
            fs::write(path, rubbish).expect("the file can be written");
        }
    }

    /// The file with the gateways' records.
    pub(crate) fn store(&self) -> PathBuf {
        self.place("dormouse.db")
    }

    /// The path of this name, for files of this scenario alone.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Waits for what must happen.
///
/// # Panics
/// If it does not.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}
