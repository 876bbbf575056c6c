//! The helper, as the gateway sees it: started, given an order, and heard out.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    path::Path,
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use dormouse_core::ports::Printed;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    process::{Child, Command},
    time::timeout,
};

use crate::{
    order::{self, Order, Report},
    output::collect,
    stages::{ENTER, NAMESPACES, NETWORK},
};

/// How much longer than its program a helper may take, before it is not believed in any more.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the output may take to end when everybody is gone who could add to it.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a helper leaves behind.
#[derive(Debug)]
pub(crate) struct Heard {
    /// `None`: it was told to end, or was ended by somebody else.
    pub(crate) report: Option<Report>,
    pub(crate) stdout: Printed,
    pub(crate) stderr: Printed,
}

/// Has an order carried out, unless `leave` ends before.
///
/// Returns when no process is left.
pub(crate) async fn carry_out(
    program: &Path,
    order: &Order,
    stdin: &Bytes,
    namespaces: bool,
    leave: impl Future<Output = ()>,
) -> io::Result<Heard> {
    let (mut child, mut line) = start(program, order, namespaces)?;
    let output = order.limits.output;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let talk = async {
        let said = tokio::select! {
            said = talk(&mut line, order, stdin) => said,
            () = leave => Ok(None),
            () = tokio::time::sleep(order.limits.time.saturating_add(PATIENCE)) => Ok(None),
        };
        // However it came, this is the end: the warden hears it, and ends the program.
        drop(line);
        let ended = child.wait().await;
        said.and_then(|said| ended.map(|_| said))
    };
    let printed = async { tokio::try_join!(collect(stdout, output), collect(stderr, output)) };
    tokio::pin!(talk, printed);
    let (report, printed) = tokio::select! {
        report = &mut talk => (report?, timeout(LAST_WORDS, printed).await?),
        // Whoever closes its output runs on.
        printed = &mut printed => (talk.await?, printed),
    };
    let (stdout, stderr) = printed?;
    Ok(Heard { report, stdout, stderr })
}

fn start(program: &Path, order: &Order, namespaces: bool) -> io::Result<(Child, UnixStream)> {
    let (ours, theirs) = StdStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Command::new(program);
    command.args(["sandbox", "exec", ENTER]);
    if namespaces {
        command.arg(NAMESPACES);
    }
    if order.network {
        command.arg(NETWORK);
    }
    let child = command
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    Ok((child, UnixStream::from_std(ours)?))
}

async fn talk(line: &mut UnixStream, order: &Order, stdin: &Bytes) -> io::Result<Option<Report>> {
    let mut message = Vec::new();
    order::write(&mut message, order)?;
    order::write_bytes(&mut message, stdin)?;
    let mut answer = Vec::new();
    match line.write_all(&message).await {
        Ok(()) => {}
        // It has left without listening: what it said before, if anything, counts.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return Err(error),
    }
    match line.read_to_end(&mut answer).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => return Err(error),
    }
    order::read(&mut answer.as_slice())
}
