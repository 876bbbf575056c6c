//! The real program, with a toy for a model.

use std::{
    fs,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use bytes::Bytes;
use dormouse_core::ports::{ByteStream, HttpClient};
use dormouse_host::ReqwestClient;
use futures::StreamExt;
use http::{Method, Request, Response, header::AUTHORIZATION};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

const KEY: &str = "an administrator's key";
/// How long anything may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway that runs, and the folder that steers its model.
pub(crate) struct Gateway {
    pub(crate) process: Child,
    pub(crate) url: String,
    folder: TempDir,
    http: ReqwestClient,
}

impl Gateway {
    /// Starts `dormouse serve` with the model `toy`, and `flags` beside.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let toy =
            PathBuf::from(env!("CARGO_BIN_EXE_dormouse")).with_file_name("examples/toy_model");
        assert!(toy.exists(), "built by `cargo test` as an example of this package");
        let command = format!("'{}' '{}' {{port}}", toy.display(), folder.path().display());
        let models = json!([{ "name": "toy", "command": command }]).to_string();
        let mut process = Command::new(env!("CARGO_BIN_EXE_dormouse"))
            .args(["serve", "--listen", "127.0.0.1:0", "--store", "memory:", "--api-key", KEY])
            .args(["--headers-within", "50ms", "--keep-alive", "50ms", "--log", "error"])
            .args(["--models", &models])
            .args(flags)
            .env_clear()
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("a line that says where it listens");
        let url = line.strip_prefix("Dormouse listens on ").expect("a URL").to_owned();
        // Whoever prints needs a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { process, url, folder, http: ReqwestClient::direct(PATIENCE) }
    }

    pub(crate) fn hold(&self) {
        fs::write(self.folder.path().join("hold"), "").unwrap();
    }

    pub(crate) fn let_go(&self) {
        fs::remove_file(self.folder.path().join("hold")).unwrap();
    }

    pub(crate) fn stall(&self) {
        fs::write(self.folder.path().join("stall"), "").unwrap();
    }

    pub(crate) fn go_on(&self) {
        fs::remove_file(self.folder.path().join("stall")).unwrap();
    }

    /// The process of each start of the model so far.
    pub(crate) fn starts(&self) -> Vec<u32> {
        let starts = fs::read_to_string(self.folder.path().join("starts")).unwrap_or_default();
        starts.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// The bodies of what the model was asked so far.
    pub(crate) fn asked(&self) -> Vec<serde_json::Value> {
        let asked = fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default();
        asked.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) async fn ask(&self, stream: bool) -> Response<ByteStream> {
        let message = json!([{ "role": "user", "content": "Hello" }]);
        let body = json!({ "model": "toy", "stream": stream, "messages": message }).to_string();
        self.send(Method::POST, "/v1/chat/completions", body).await
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        read(self.send(Method::GET, path, String::new()).await).await
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Response<ByteStream> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, format!("Bearer {KEY}"))
            .header("x-session-id", "a conversation")
            .body(Bytes::from(body))
            .unwrap();
        self.http.send(request).await.unwrap()
    }

    /// Runs `dormouse models` against it.
    pub(crate) async fn models(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_dormouse"))
            .arg("models")
            .args(arguments)
            .args(["--url", &self.url])
            .env_clear()
            .env("DORMOUSE_API_KEY", KEY)
            .output()
            .await
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8(said).unwrap()
    }
}

/// Everything that is still to come of a response.
pub(crate) async fn read(response: Response<ByteStream>) -> String {
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(piece) = body.next().await {
        text.extend_from_slice(&piece.unwrap());
    }
    String::from_utf8(text).unwrap()
}

/// Waits until `what` holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process runs. One that only waits for its parent to take notice does not.
pub(crate) fn runs(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Sends a signal: `KILL`, `TERM`.
pub(crate) async fn signal(process: u32, name: &str) {
    let sent = Command::new("/bin/sh")
        .args(["-c", r#"kill -"$0" "$1""#, name, &process.to_string()])
        .status()
        .await
        .unwrap();
    assert!(sent.success(), "a signal to a process that runs");
}
