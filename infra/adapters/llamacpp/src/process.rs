//! A child process that never outlives this one.

mod address;
mod guard;
mod port;
mod socket;
mod words;

use std::{env, process::ExitStatus, process::Stdio, time::Duration};

pub(crate) use address::Address;
use guard::Guard;
use port::Port;
pub(crate) use port::Ports;
pub(crate) use socket::Socket;
use tokio::{
    process::{Child, Command},
    time::timeout,
};
use words::Words;

/// How long the last words may take to arrive when the process is gone.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// A running server, with all processes that it started, and its guard.
#[derive(Debug)]
pub(crate) struct Process {
    server: Child,
    guard: Guard,
    words: Words,
}

impl Process {
    /// Starts a command that will listen at `address`: nothing to read, an environment without the
    /// gateway's own settings, a process group of its own.
    ///
    /// # Errors
    ///
    /// Why it cannot be started, in words.
    pub(crate) fn start(command: &[String], address: &Address) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or("there is no command")?;
        let guard = Guard::post(address.folder())
            .map_err(|error| format!("no guard can be posted: {error}"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(guard.group())
            .kill_on_drop(true);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("DORMOUSE_") {
                command.env_remove(name);
            }
        }
        let mut server = command.spawn().map_err(|error| {
            let name = program.rsplit('/').next().unwrap_or_default();
            format!("`{name}` cannot be started: {error}")
        })?;
        let words = Words::of(server.stdout.take(), server.stderr.take());
        Ok(Self { server, guard, words })
    }

    /// Waits until the server is gone, or nobody guards it any more, and says how that came.
    pub(crate) async fn end(&mut self) -> String {
        tokio::select! {
            status = self.server.wait() => match status {
                Ok(status) => describe(status),
                Err(error) => format!("lost: {error}"),
            },
            () = self.guard.gone() => "its guard was killed".to_owned(),
        }
    }

    /// Whether the server has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.server.try_wait(), Ok(None))
    }

    /// Asks the server to end (SIGTERM), insists after `patience` (SIGKILL), and returns when nothing
    /// is left.
    pub(crate) async fn stop(mut self, patience: Duration) {
        self.guard.ask_group_to_end();
        // Whatever the wait says, what is left is killed.
        let _ = timeout(patience, self.server.wait()).await;
        self.kill().await;
    }

    /// Ends the server and all that it started, and returns its last words.
    pub(crate) async fn kill(mut self) -> String {
        self.guard.kill_group(&mut self.server).await;
        let _ = timeout(LAST_WORDS_WITHIN, self.words.heard_all()).await;
        self.words.last()
    }
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exited with status {code}"),
        None => format!("killed by {status}"),
    }
}
