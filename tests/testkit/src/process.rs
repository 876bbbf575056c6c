//! Programs that tests start: found, watched and ended.
#![expect(clippy::expect_used, clippy::panic, reason = "a test whose tools fail fails")]

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, ChildStdin, Command},
    sync::watch,
};

/// How long a program may take to say that it is ready. A machine that builds meanwhile is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    // Programs that end with their standard input live as long as this.
    _stdin: Option<ChildStdin>,
    output: Output,
}

/// What a program has printed so far, on both its channels.
#[derive(Clone, Debug)]
pub struct Output {
    text: Arc<Mutex<String>>,
    lines: watch::Sender<usize>,
}

impl Process {
    /// Starts `program`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        program: &Path,
        arguments: &[&str],
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut command = Command::new(program);
        // What the tester has set for a gateway of their own is not meant for this one.
        for (name, _) in env::vars_os().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        command.args(arguments).env("NO_PROXY", "127.0.0.1").envs(variables);
        Self::run(command)
    }

    /// Starts what `command` describes.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let output = Output::default();
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(output.clone().follow(stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(output.clone().follow(stderr));
        }
        let stdin = child.stdin.take();
        Self { child, _stdin: stdin, output }
    }

    /// Waits until the program prints an `http://` address and returns it, without a path.
    ///
    /// # Panics
    /// If it ends before, or says nothing for a minute. What it printed is in the message.
    pub async fn address(&mut self) -> String {
        self.says(address_in).await.unwrap_or_else(|why| panic!("the program {why}"))
    }

    /// Waits until `look` finds something in a line that it prints.
    ///
    /// # Errors
    /// If it ends before, or nothing is found for a minute: what happened, and what it printed.
    pub async fn says<T>(&mut self, look: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        let Self { child, output, .. } = self;
        let found = async {
            tokio::select! {
                found = output.find(look) => Ok(found),
                status = child.wait() => Err(format!("ended: {status:?}")),
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        let found = found.unwrap_or_else(|_| Err("did not say it".to_owned()));
        found.map_err(|why| format!("{why}; it printed:\n{}", self.output.text()))
    }

    /// What it has printed.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it as `kill -9` does and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a process of our own can be killed");
    }
}

impl Default for Output {
    fn default() -> Self {
        Self { text: Arc::default(), lines: watch::Sender::new(0) }
    }
}

impl Output {
    /// Everything so far.
    pub fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `look` finds something in a line.
    pub async fn find<T>(&self, look: impl Fn(&str) -> Option<T>) -> T {
        let mut changes = self.lines.subscribe();
        loop {
            if let Some(found) = self.text().lines().find_map(&look) {
                return found;
            }
            // The sender lives as long as this.
            let _ = changes.changed().await;
        }
    }

    async fn follow(self, channel: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(channel).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
            text.push_str(&line);
            text.push('\n');
            drop(text);
            self.lines.send_modify(|count| *count += 1);
        }
    }
}

/// Finds a program that a test needs: where `variable` says, else at `path` in cargo's target directory.
///
/// # Panics
/// If it is not there. The message says how to make it.
pub fn built(variable: &str, path: &str, how: &str) -> PathBuf {
    let found = given(variable).unwrap_or_else(|| target().join(path));
    let what = found.display();
    assert!(
        found.exists(),
        "{what} is missing (or {variable} is wrong): run `tests/run`, or `{how}`"
    );
    found
}

/// The path that `variable` names, if it names any.
pub fn given(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from)
}

/// Has rustls use ring, which reqwest's client wants to know even for plain HTTP.
pub fn use_ring() {
    // Fails only if it is installed already, which is just as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Cargo's target directory: the one in which the running test was built.
fn target() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own file");
    // target/debug/deps/test-0123456789abcdef
    test.ancestors().nth(3).expect("tests are built three folders deep").to_owned()
}

fn is_setting(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("DORMOUSE_") || name == "PORT")
}

fn address_in(line: &str) -> Option<String> {
    let start = line.find("http://127.0.0.1:")?;
    let address = line.get(start..)?;
    let port = address.get("http://127.0.0.1:".len()..)?;
    let digits = port.bytes().take_while(u8::is_ascii_digit).count();
    let end = address.len() - port.len() + digits;
    (digits > 0).then(|| address.get(..end).map(str::to_owned)).flatten()
}
