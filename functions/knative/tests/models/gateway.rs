//! The real program, and the toy that most tests have it start for a model.

use std::{
    env, fs,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use bytes::Bytes;
use dormouse_core::ports::{ByteStream, HttpClient};
use dormouse_host::LocalClient;
use futures::StreamExt;
use http::{Method, Request, Response, header::AUTHORIZATION};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

const KEY: &str = "an administrator's key";
/// How long anything may take before the test has failed. A machine that builds meanwhile is slow.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a model's server may need of the tester's environment.
const INHERITED: [&str; 3] = ["PATH", "HOME", "XDG_CACHE_HOME"];

/// A gateway that runs.
pub(crate) struct Gateway {
    pub(crate) process: Child,
    pub(crate) url: String,
    /// What steers its toy, and where its sockets are.
    folder: TempDir,
    http: LocalClient,
}

impl Gateway {
    /// Starts `dormouse serve` with the model `toy`, and `flags` beside.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::start_at("{port}", flags).await
    }

    /// The same, with a toy that listens where `place` stands for: `{port}` or `{socket}`.
    pub(crate) async fn start_at(place: &str, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let toy =
            PathBuf::from(env!("CARGO_BIN_EXE_dormouse")).with_file_name("examples/toy_model");
        assert!(toy.exists(), "built by `cargo test` as an example of this package");
        let command = format!("'{}' '{}' {place}", toy.display(), folder.path().display());
        Self::serve(folder, &json!([{ "name": "toy", "command": command }]), flags).await
    }

    /// Starts `dormouse serve` with these models, and `flags` beside.
    pub(crate) async fn serve(folder: TempDir, models: &Value, flags: &[&str]) -> Self {
        let inherited = INHERITED.iter().filter_map(|name| Some((name, env::var_os(name)?)));
        let mut process = Command::new(env!("CARGO_BIN_EXE_dormouse"))
            .args(["serve", "--listen", "127.0.0.1:0", "--store", "memory:", "--api-key", KEY])
            .args(["--headers-within", "50ms", "--keep-alive", "50ms", "--log", "error"])
            .args(["--models", &models.to_string()])
            .args(flags)
            .env_clear()
            .envs(inherited)
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("a line that says where it listens");
        let url = line.strip_prefix("Dormouse listens on ").expect("a URL").to_owned();
        // Whoever prints needs a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { process, url, folder, http: LocalClient::new(PATIENCE) }
    }

    pub(crate) fn hold(&self) {
        self.hold_at("{}");
    }

    /// Keeps the toy loading, and has it say so in these words.
    pub(crate) fn hold_at(&self, words: &str) {
        fs::write(self.folder.path().join("hold"), words).unwrap();
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
        self.chat(&json!({ "model": "toy", "stream": stream, "messages": message })).await
    }

    pub(crate) async fn chat(&self, body: &Value) -> Response<ByteStream> {
        self.send(Method::POST, "/v1/chat/completions", body.to_string()).await
    }

    /// The names of the sockets' folders.
    pub(crate) fn sockets(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.to_string_lossy().contains("/dormouse-")).collect()
    }

    /// The processes of its models: its children, but for the guards.
    pub(crate) fn servers(&self) -> Vec<u32> {
        let gateway = self.process.id().expect("it runs");
        processes().filter(|it| it.parent == gateway && !it.is_guard()).map(|it| it.id).collect()
    }

    /// The memory that it occupies, in bytes, without the pages of the program itself.
    pub(crate) fn occupied(&self) -> u64 {
        let gateway = self.process.id().expect("it runs");
        let status = fs::read_to_string(format!("/proc/{gateway}/status")).unwrap();
        let line =
            status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        read(self.send(Method::GET, path, String::new()).await).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Response<ByteStream> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, format!("Bearer {KEY}"))
            // An agent's: many of its requests may run at once.
            .header("x-claude-code-session-id", "a conversation")
            .body(Bytes::from(body))
            .unwrap();
        timeout(PATIENCE, self.http.send(request)).await.expect("an answer").unwrap()
    }

    /// Runs `dormouse models` against it.
    pub(crate) async fn models(&self, arguments: &[&str]) -> String {
        self.tend("models", arguments).await
    }

    /// Runs a command of `dormouse` for gateways that run. Returns what it says.
    pub(crate) async fn tend(&self, command: &str, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_dormouse"))
            .arg(command)
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

/// The body of a response, as far as it came.
pub(crate) struct Heard {
    body: ByteStream,
    text: String,
}

impl Heard {
    pub(crate) fn of(response: Response<ByteStream>) -> Self {
        Self { body: response.into_body(), text: String::new() }
    }

    /// Listens until `words` were said.
    pub(crate) async fn until(mut self, words: &str) -> Self {
        while !self.text.contains(words) {
            assert!(self.hear().await, "it ended without {words}: {}", self.text);
        }
        self
    }

    /// Listens to the end.
    pub(crate) async fn all(mut self) -> String {
        while self.hear().await {}
        self.text
    }

    async fn hear(&mut self) -> bool {
        let piece = timeout(PATIENCE, self.body.next()).await.expect("no silence");
        let Some(piece) = piece else { return false };
        self.text += std::str::from_utf8(&piece.unwrap()).unwrap();
        true
    }
}

/// The whole body of a response.
pub(crate) async fn read(response: Response<ByteStream>) -> String {
    Heard::of(response).all().await
}

/// Waits until `what` holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

struct Running {
    id: u32,
    parent: u32,
}

impl Running {
    /// Whether it is the shell that ends a server with its gateway.
    fn is_guard(&self) -> bool {
        let command = fs::read(format!("/proc/{}/cmdline", self.id)).unwrap_or_default();
        String::from_utf8_lossy(&command).contains("dormouse-guard")
    }
}

/// All processes that have not ended.
fn processes() -> impl Iterator<Item = Running> {
    fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let mut words = stat.rsplit_once(") ")?.1.split(' ');
        let ended = words.next()?.starts_with(['Z', 'X']);
        let parent = words.next()?.parse().ok()?;
        (!ended).then_some(Running { id, parent })
    })
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
