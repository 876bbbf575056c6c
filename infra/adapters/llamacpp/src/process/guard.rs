//! Who ends the server when the gateway is killed.
//!
//! A shell that leads the server's process group and holds the read end of a pipe to this process.
//! However this process dies, SIGKILL included, the kernel closes the write end; the shell then reads
//! the end of the file and kills its group: the server, what the server started, itself.
//!
//! There is no moment at which a server is unguarded: the guard leads the group before the server is
//! started into it, and a half-started server (forked, not yet executed) still holds a copy of the
//! write end, so that the guard only strikes when it is in the group. `PR_SET_PDEATHSIG` would do less:
//! it dies with the *thread* that forked, spares grandchildren, and needs code after the fork.

use std::{env, io, path::Path, process::Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};

/// Ignores what its group is asked politely, and waits for the end of its input. Then it removes the
/// folder it was given, if any, and kills its group, even if there is no process left to remove with.
const WATCH: &str = r#"trap '' HUP INT QUIT TERM; trap 'kill -KILL 0' EXIT; read -r _
[ -z "$1" ] || rm -rf -- "$1"
kill -KILL 0"#;

/// A watching shell, at the head of a process group.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
    group: Pid,
    /// The write end of the pipe. Closing it, as every drop of the guard does, ends the group.
    _leash: ChildStdin,
}

impl Guard {
    /// Starts the shell; `folder` is what it is to remove if this process cannot.
    pub(super) fn post(folder: Option<&Path>) -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", WATCH, "dormouse-guard"])
            .arg(folder.unwrap_or(Path::new("")))
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let id = shell.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = id.ok_or(io::ErrorKind::NotFound)?;
        // Taken out of the child, whose `wait` would close it.
        let leash = shell.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { shell, group, _leash: leash })
    }

    /// The group that it leads.
    pub(super) fn group(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// Waits until there is no guard.
    pub(super) async fn gone(&mut self) {
        let _ = self.shell.wait().await;
    }

    /// SIGTERM to everybody in the group.
    pub(super) fn ask_group_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGKILL to everybody in the group, and waits for the two that are ours.
    pub(super) async fn kill_group(&mut self, server: &mut Child) {
        // As long as one of the two has not been waited for, the group's number is not given to
        // others.
        self.signal(Signal::KILL);
        let _ = server.wait().await;
        let _ = self.shell.wait().await;
    }

    fn signal(&self, signal: Signal) {
        // Fails if nobody is left, which is what was wanted.
        let _ = kill_process_group(self.group, signal);
    }
}
