//! A server's process: with a clean environment, and never outliving this one.
//!
//! A shell leads the process group and waits for the end of its input, whose other end this process holds.
//! However this process dies, SIGKILL included, the kernel closes that end, and the shell kills its group: the
//! server, what the server started, itself. Dropping a [`Process`] does the same.

use std::{
    collections::VecDeque,
    env, io,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dormouse_core::settings::Secret;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

/// Ignores what its group is asked politely, waits for the end of its input, and kills its group.
const GUARD: &str = "trap '' HUP INT QUIT TERM; read -r _; kill -KILL 0";
/// What every program needs, and no secret is kept in.
const INHERITED: [&str; 9] =
    ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER"];
/// How much of what a server says to its standard error is kept: so many lines, of so many bytes.
const LINES: usize = 8;
const LINE_BYTES: u64 = 240;
/// How long the last words may take to arrive when the server is gone.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(5);

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    words: Words,
    /// Ends when the server can say no more.
    listener: Mutex<Option<JoinHandle<()>>>,
    _server: Child,
    _guard: Child,
    /// Closing it ends the group.
    _leash: ChildStdin,
}

/// The last that a server said to its standard error.
#[derive(Clone, Debug, Default)]
struct Words(Arc<Mutex<VecDeque<String>>>);

impl Process {
    /// Starts a server. Returns it with what it answers and where it is asked.
    ///
    /// # Errors
    ///
    /// Why it cannot be started.
    pub(crate) fn start(
        command: &str,
        args: &[Secret],
        variables: &[(String, Secret)],
    ) -> io::Result<(Self, ChildStdout, ChildStdin)> {
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD])
            .env_clear()
            .envs(inherited())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let lost = || io::Error::from(io::ErrorKind::BrokenPipe);
        let leash = guard.stdin.take().ok_or_else(lost)?;
        let group = guard.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(lost)?;
        let mut server = Command::new(command)
            .args(args.iter().map(Secret::expose))
            .env_clear()
            .envs(inherited())
            .envs(variables.iter().map(|(name, value)| (name, value.expose())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(group)
            .kill_on_drop(true)
            .spawn()?;
        let asked = server.stdin.take().ok_or_else(lost)?;
        let answers = server.stdout.take().ok_or_else(lost)?;
        let words = Words::default();
        let errors = server.stderr.take().ok_or_else(lost)?;
        let listener = Mutex::new(Some(tokio::spawn(listen(errors, words.clone()))));
        let process = Self { words, listener, _server: server, _guard: guard, _leash: leash };
        Ok((process, answers, asked))
    }

    /// The last lines that a server which has failed said to its standard error, in one.
    pub(crate) async fn last_words(&self) -> String {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listener) = listener {
            // A server that lives on may have more to say; nobody waits for that.
            let _ = timeout(LAST_WORDS_WITHIN, listener).await;
        }
        let lines = self.words.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
    }
}

impl Words {
    fn add(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).trim().to_owned();
        if line.is_empty() {
            return;
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_back(line);
        if lines.len() > LINES {
            lines.pop_front();
        }
    }
}

/// Reads on to the end, so that the server is never held up by what it says.
async fn listen(errors: ChildStderr, words: Words) {
    let (mut errors, mut line) = (BufReader::new(errors), Vec::new());
    // Of a longer line, the next piece counts as a line of its own.
    while let Ok(1..) = (&mut errors).take(LINE_BYTES).read_until(b'\n', &mut line).await {
        words.add(&line);
        line.clear();
    }
}

fn inherited() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    INHERITED.into_iter().filter_map(|name| Some((name, env::var_os(name)?)))
}
