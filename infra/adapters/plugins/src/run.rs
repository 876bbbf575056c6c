//! Running a program to its end, and everything that it started.

use std::{io, path::Path, process::Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

/// Where programs look for others.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How much of what a program prints as errors is kept, in bytes.
const MAX_ERRORS: usize = 16 << 10;

/// What became of a program.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) succeeded: bool,
    /// In words.
    pub(crate) how: String,
    pub(crate) stdout: Vec<u8>,
    /// Its beginning.
    pub(crate) stderr: Vec<u8>,
    /// Whether it printed more than it may; then it was ended.
    pub(crate) flooded: bool,
}

/// Runs a program with `stdin` to read, until it has ended or has printed more than `limit` bytes. When this
/// returns, or is dropped, nothing is left of it, nor of what it started in its process group. Fails if it
/// cannot be started (or waited for), which may change without a change of its file: somebody is just writing
/// it, what it is written for is not installed, the gateway has too many files open.
pub(crate) async fn run(
    program: &Path,
    arguments: &[&str],
    stdin: &[u8],
    limit: usize,
) -> io::Result<Ended> {
    let mut child = spawn(program, arguments)?;
    let group = Group::of(&child);
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let told = async move {
        if let Some(mut input) = input {
            // A program need not read what it is told.
            let _ = input.write_all(stdin).await;
        }
    };
    let kept = async {
        let (stdout, flooded) = read(output, limit, true).await;
        if flooded {
            // Those who wait for it, below, need not wait for what it still wanted to say.
            group.kill();
        }
        (stdout, flooded)
    };
    let ((), (stdout, flooded), (stderr, _)) =
        tokio::join!(told, kept, read(errors, MAX_ERRORS, false));
    let status = child.wait().await?;
    drop(group);
    Ok(Ended { succeeded: status.success(), how: status.to_string(), stdout, stderr, flooded })
}

fn spawn(program: &Path, arguments: &[&str]) -> io::Result<Child> {
    Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// The beginning of what comes, and whether there was more. The rest is read too, so that the writer is not
/// held up, unless it is to `stop`.
async fn read(from: Option<impl AsyncRead + Unpin>, limit: usize, stop: bool) -> (Vec<u8>, bool) {
    let (mut kept, mut more) = (Vec::new(), false);
    let Some(mut from) = from else { return (kept, more) };
    let mut piece = vec![0; 8 << 10];
    // A pipe that breaks has said all that it will.
    while let Ok(length) = from.read(&mut piece).await {
        if length == 0 {
            break;
        }
        let room = limit - kept.len();
        more |= length > room;
        kept.extend_from_slice(piece.get(..length.min(room)).unwrap_or_default());
        if more && stop {
            break;
        }
    }
    (kept, more)
}

/// The processes of a program. They end with it.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn kill(&self) {
        if let Some(group) = self.0 {
            // Fails if nobody is left, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
