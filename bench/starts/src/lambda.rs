//! The Lambda function, behind the Runtime API of the testkit's emulator and a function URL.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use dormouse_testkit::{
    lambda::{Emulator, EventKind},
    upstream::Upstream,
};

use crate::{ADMIN, Request, STARTS, Start, named, question, ready};

pub(crate) async fn measure() -> io::Result<Vec<Start>> {
    let function = PathBuf::from(named("BENCH_LAMBDA")?);
    let hello = PathBuf::from(named("BENCH_LAMBDA_HELLO")?);
    let upstream = Upstream::start().await;
    let settings = [
        ("DORMOUSE_API_KEY".to_owned(), ADMIN.to_owned()),
        ("DORMOUSE_UPSTREAM".to_owned(), upstream.base_url()),
    ];
    // The first of each warms the emulator and the page cache.
    let (mut greeted, mut answered, mut hellos) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..=STARTS {
        let hello = start(&hello, &[], &ready()).await?;
        let greeting = start(&function, &settings, &ready()).await?;
        let answer = start(&function, &settings, &question()).await?;
        if turn > 0 {
            hellos.push(hello);
            greeted.push(greeting);
            answered.push(answer);
        }
    }
    Ok(vec![
        Start::of("Lambda: hello-world", hellos),
        Start::of("Lambda: dormouse, /healthz", greeted),
        Start::of("Lambda: dormouse, a chat answer", answered),
    ])
}

async fn start(
    function: &Path,
    settings: &[(String, String)],
    request: &Request,
) -> io::Result<Duration> {
    // Nothing is started before the first request.
    let emulator = Emulator::start(function, settings, EventKind::FunctionUrl, 1).await?;
    let address = emulator.base_url().trim_start_matches("http://").to_owned();
    let before = Instant::now();
    let sent = request.send(&address).await;
    let time = before.elapsed();
    sent.map_err(|error| io::Error::other(format!("{error}\n{}", emulator.logs())))?;
    Ok(time)
}
