//! The Spin component, in the host of `tests/spin-host`, which has compiled it before.

use std::{
    ffi::OsString,
    io,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use dormouse_testkit::upstream::Upstream;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::{ADMIN, Request, STARTS, Start, named, question, ready};

/// A host, and what it is to serve.
struct Site {
    host: OsString,
    folder: tempfile::TempDir,
    upstream: String,
}

pub(crate) async fn measure() -> io::Result<Vec<Start>> {
    let upstream = Upstream::start().await;
    let site = Site {
        host: named("BENCH_SPIN_HOST")?,
        folder: tempfile::tempdir()?,
        upstream: upstream.base_url(),
    };
    let (gateway, hello) = (named("BENCH_SPIN")?, named("BENCH_SPIN_HELLO")?);
    // The first of each compiles the component, which Spin does too when an application is loaded.
    let (mut greeted, mut answered, mut hellos) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..=STARTS {
        let hello = site.start(Path::new(&hello), &ready()).await?;
        let greeting = site.start(Path::new(&gateway), &ready()).await?;
        let answer = site.start(Path::new(&gateway), &question()).await?;
        if turn > 0 {
            hellos.push(hello);
            greeted.push(greeting);
            answered.push(answer);
        }
    }
    Ok(vec![
        Start::of("Spin: hello-world", hellos),
        Start::of("Spin: dormouse, /healthz", greeted),
        Start::of("Spin: dormouse, a chat answer", answered),
    ])
}

impl Site {
    async fn start(&self, component: &Path, request: &Request) -> io::Result<Duration> {
        let database = tempfile::tempdir_in(&self.folder)?;
        let mut command = Command::new(&self.host);
        command
            .arg("--component")
            .arg(component)
            .arg("--cache")
            .arg(self.folder.path().join("compiled"))
            .arg("--sqlite")
            .arg(database.path().join("dormouse.db"))
            .args(["--allow", "http://127.0.0.1:*"])
            .args(["--variable", &format!("dormouse_api_key={ADMIN}")])
            .args(["--variable", &format!("dormouse_upstream={}", self.upstream)])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let before = Instant::now();
        let mut process = command.spawn()?;
        let output = process.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let line = BufReader::new(output).lines().next_line().await?.unwrap_or_default();
        let address = line.strip_prefix("listening on http://");
        let address = address.ok_or_else(|| io::Error::other(format!("no address: {line}")))?;
        request.send(address).await?;
        let time = before.elapsed();
        process.kill().await?;
        Ok(time)
    }
}
