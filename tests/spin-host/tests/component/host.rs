//! A running host process, and where it finds things.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use dormouse_spin_host::engine;
use wasmtime::{Engine, component::Component};

/// How long one request may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The administrator's key of every host.
pub(crate) const ADMIN: &str = "an-administrators-key";

/// A host process; killed when dropped, as by `kill -9`.
pub(crate) struct Host {
    process: Child,
    address: String,
}

impl Host {
    /// Serves the component with the conformance routes.
    pub(crate) fn start(database: &Path) -> Self {
        Self::serve("conformance.wasm", database, &[])
    }

    /// Serves the component with the conformance routes, which keeps its records in the Redis of `url`
    /// if it `may`.
    pub(crate) fn on_redis(url: &str, may: bool) -> Self {
        let (store, key) = (format!("dormouse_store={url}"), format!("dormouse_api_key={ADMIN}"));
        let variables = ["--variable", &store, "--variable", &key];
        let allowed: &[&str] = if may { &["--allow", "redis://127.0.0.1:*"] } else { &[] };
        let nothing = Path::new("/nonexistent/folder/store.db");
        Self::serve("conformance.wasm", nothing, &[&variables[..], allowed].concat())
    }

    /// Serves the gateway in front of `upstream`, where every token costs something.
    pub(crate) fn in_front_of(upstream: &str, database: &Path) -> Self {
        let upstream = format!("dormouse_upstream={upstream}");
        let key = format!("dormouse_api_key={ADMIN}");
        let prices = r#"dormouse_prices={"*":{"input":"1","output":"2"}}"#;
        let allowed = "http://127.0.0.1:*";
        let variables = ["--variable", &upstream, "--variable", &key, "--variable", prices];
        Self::serve("gateway.wasm", database, &[&variables[..], &["--allow", allowed]].concat())
    }

    fn serve(component: &str, database: &Path, more: &[&str]) -> Self {
        compiled(component);
        let mut process = Command::new(env!("CARGO_BIN_EXE_dormouse-spin-host"))
            .arg("--component")
            .arg(components().join(component))
            .arg("--cache")
            .arg(cache())
            .arg("--sqlite")
            .arg(database)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.expect("it listens: is the component built?").to_owned();
        Self { process, address }
    }

    /// Sends a request and waits for the whole answer.
    pub(crate) fn post(&self, path: &str) -> (u16, String) {
        self.call("POST", path, "")
    }

    /// Sends a request as the administrator and waits for the whole answer.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut connection = self.send(method, path, ADMIN, body);
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Sends a request and hands the connection over. Dropping it is leaving.
    pub(crate) fn send(&self, method: &str, path: &str, key: &str, body: &str) -> TcpStream {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let (address, length) = (&self.address, body.len());
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             authorization: Bearer {key}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        connection
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A database that no earlier run has left something in.
pub(crate) fn database(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("database-{name}"));
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder.join("store.db")
}

/// A component, compiled once for all tests and for the hosts they start.
pub(crate) fn compiled(component: &str) -> (Engine, Component) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let engine = engine::new().unwrap();
    let component = engine::load(&engine, &components().join(component), Some(&cache()))
        .expect("the component is built: tests/spin-host/components");
    (engine, component)
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

/// Where `tests/spin-host/components` puts what it builds.
fn components() -> PathBuf {
    let target = std::env::var_os("DORMOUSE_TARGET").map(PathBuf::from);
    target.unwrap_or_else(|| root().join("target")).join("components")
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
