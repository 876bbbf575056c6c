//! Clauses 1 to 5: programs.

use std::{collections::BTreeSet, pin::pin, time::Duration};

use bytes::Bytes;
use dormouse_core::{
    Code,
    ports::{Ended, Limits, Program, Sandbox, Workspace},
};
use futures::future::{self, Either};

use super::{fresh, run, script, text};

/// What takes a while, for what should not happen meanwhile.
const A_WHILE: &str = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done";
/// How often something is looked at that must come.
const PATIENCE: usize = 2_000;

pub(super) async fn check(sandbox: &dyn Sandbox) {
    it_works_in_its_workspace(sandbox).await;
    its_environment_is_its_own(sandbox).await;
    its_end_is_told(sandbox).await;
    it_ends_at_its_limits(sandbox).await;
    what_it_prints_is_kept_from_the_beginning(sandbox).await;
    nothing_of_it_is_left(sandbox).await;
    nothing_is_left_of_one_that_nobody_waits_for(sandbox).await;
    links_lead_nowhere_else(sandbox).await;
    it_is_told_when_its_workspace_is_discarded(sandbox).await;
}

async fn it_works_in_its_workspace(sandbox: &dyn Sandbox) {
    let here = fresh();
    sandbox.write(&here, "in", Bytes::from_static(b"a word")).await.unwrap();
    let ran = run(sandbox, &here, "cat in > out; mkdir d; echo more > ~/d/file; cd; pwd").await;
    assert_eq!(ran.ended, Ended::Exited(0), "clause 2: {ran:?}");
    let out = sandbox.read(&here, "out").await.unwrap();
    assert_eq!(out.as_deref(), Some(b"a word".as_slice()), "clause 2: it works in its workspace");
    let more = sandbox.read(&here, "d/file").await.unwrap();
    assert_eq!(more.as_deref(), Some(b"more\n".as_slice()), "clause 2: which is its home");
    let ran = run(sandbox, &fresh(), "ls -A; ls -A \"$TMPDIR\"").await;
    assert_eq!(text(&ran.stdout.kept), "", "clause 1: another one is empty");
    let cat = Program { command: vec!["cat".into()], stdin: Bytes::from(vec![b'x'; 300_000]) };
    let limits = Limits { output: 400_000, ..Limits::default() };
    let ran = sandbox.run(&here, &cat, &limits).await.unwrap();
    assert_eq!(ran.stdout.kept, cat.stdin, "clause 2: it reads what it is given");
    sandbox.discard(&here).await.unwrap();
}

async fn its_environment_is_its_own(sandbox: &dyn Sandbox) {
    let here = fresh();
    let env = Program { command: vec!["env".into()], ..Program::default() };
    let ran = sandbox.run(&here, &env, &Limits::default()).await.unwrap();
    let printed = text(&ran.stdout.kept);
    let names: BTreeSet<_> = printed.lines().filter_map(|it| Some(it.split_once('=')?.0)).collect();
    let expected = BTreeSet::from(["HOME", "LANG", "PATH", "TMPDIR"]);
    assert_eq!(names, expected, "clause 2: nothing else is in its environment");
    sandbox.discard(&here).await.unwrap();
}

async fn its_end_is_told(sandbox: &dyn Sandbox) {
    let here = fresh();
    let ran = run(sandbox, &here, "echo out; echo err >&2; exit 3").await;
    assert_eq!(ran.ended, Ended::Exited(3), "its own status");
    assert_eq!((text(&ran.stdout.kept), text(&ran.stderr.kept)), ("out\n".into(), "err\n".into()));
    assert_eq!(run(sandbox, &here, "kill -9 $$").await.ended, Ended::Killed(9), "a signal");
    let missing = Program { command: vec!["no-such-program".into()], ..Program::default() };
    let ran = sandbox.run(&here, &missing, &Limits::default()).await.unwrap();
    assert_eq!(ran.ended, Ended::Exited(127), "clause 3: a program that is not there");
    assert!(text(&ran.stderr.kept).contains("no-such-program"), "clause 3: is named: {ran:?}");
    let error = sandbox.run(&here, &Program::default(), &Limits::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidRequest, "no program at all: {error}");
    sandbox.discard(&here).await.unwrap();
}

async fn it_ends_at_its_limits(sandbox: &dyn Sandbox) {
    let short = Limits { time: Duration::from_millis(300), ..Limits::default() };
    let little = Limits { memory: 64 << 20, ..Limits::default() };
    let small = Limits { disk: 4 << 20, ..Limits::default() };
    for (claim, script, limits, ended) in [
        ("of time", "sleep 600", &short, Ended::OutOfTime),
        ("of memory", "exec tail /dev/zero", &little, Ended::OutOfMemory),
        ("of a file", "exec dd if=/dev/zero of=f bs=65536", &small, Ended::OutOfDisk),
        (
            "of the workspace",
            "i=0; while :; do i=$((i+1)); head -c 100000 /dev/zero > $i; done",
            &small,
            Ended::OutOfDisk,
        ),
    ] {
        let here = fresh();
        let limits = Limits { time: limits.time.max(Duration::from_millis(300)), ..limits.clone() };
        let limits = if ended == Ended::OutOfTime {
            limits
        } else {
            // On a slow machine it takes its time to get there.
            Limits { time: Duration::from_secs(300), ..limits }
        };
        let ran = sandbox.run(&here, &super::script(script), &limits).await.unwrap();
        assert_eq!(ran.ended, ended, "clause 3: the limit {claim}: {ran:?}");
        sandbox.discard(&here).await.unwrap();
    }
}

async fn what_it_prints_is_kept_from_the_beginning(sandbox: &dyn Sandbox) {
    let here = fresh();
    let limits = Limits { output: 4, ..Limits::default() };
    let script = script("printf 0123456789; printf abc >&2; head -c 1000000 /dev/zero");
    let ran = sandbox.run(&here, &script, &limits).await.unwrap();
    assert_eq!((&*ran.stdout.kept, ran.stdout.dropped), (&b"0123"[..], 1_000_006), "clause 3");
    assert_eq!((&*ran.stderr.kept, ran.stderr.dropped), (&b"abc"[..], 0), "clause 3");
    sandbox.discard(&here).await.unwrap();
}

/// Whether a file stops growing.
async fn comes_to_rest(sandbox: &dyn Sandbox, here: &Workspace, path: &str) -> bool {
    let mut before = None;
    for _ in 0..PATIENCE {
        let now = sandbox.list(here, "").await.unwrap();
        let now = now.into_iter().find(|file| file.path == path).map(|file| file.size);
        if now.is_some() && now == before {
            return true;
        }
        before = now;
        run(sandbox, here, A_WHILE).await;
    }
    false
}

async fn nothing_of_it_is_left(sandbox: &dyn Sandbox) {
    let here = fresh();
    let beating = "while :; do echo x >> beat; done & while [ ! -s beat ]; do :; done; exit 0";
    let ran = run(sandbox, &here, beating).await;
    assert_eq!(ran.ended, Ended::Exited(0), "clause 4: {ran:?}");
    let before = sandbox.read(&here, "beat").await.unwrap();
    run(sandbox, &here, A_WHILE).await;
    let after = sandbox.read(&here, "beat").await.unwrap();
    assert!(before.is_some() && before == after, "clause 4: what it started has ended with it");
    sandbox.discard(&here).await.unwrap();
}

async fn nothing_is_left_of_one_that_nobody_waits_for(sandbox: &dyn Sandbox) {
    let here = fresh();
    {
        let endless = script("while :; do echo x >> beat; done");
        let limits = Limits { time: Duration::from_secs(3600), ..Limits::default() };
        let program = pin!(sandbox.run(&here, &endless, &limits));
        let begun = pin!(async { while sandbox.read(&here, "beat").await.unwrap().is_none() {} });
        let Either::Right(_) = future::select(program, begun).await else {
            panic!("clause 4: an endless program ended");
        };
    }
    assert!(comes_to_rest(sandbox, &here, "beat").await, "clause 4: it goes on");
    sandbox.discard(&here).await.unwrap();
}

async fn links_lead_nowhere_else(sandbox: &dyn Sandbox) {
    let here = fresh();
    let links = "ln -s / root; ln -s ../.. up; echo a > a; ln -s a inside; mkfifo pipe";
    assert_eq!(run(sandbox, &here, links).await.ended, Ended::Exited(0));
    for path in ["root/etc/passwd", "up/files/a", "root"] {
        let error = sandbox.read(&here, path).await.expect_err(path);
        assert_eq!(error.param(), Some("path"), "clause 5: through a link: {path}: {error}");
    }
    let error = sandbox.write(&here, "root/tmp/x", Bytes::new()).await.unwrap_err();
    assert_eq!(error.param(), Some("path"), "clause 5: to write: {error}");
    let inside = sandbox.read(&here, "inside").await.unwrap();
    assert_eq!(inside.as_deref(), Some(b"a\n".as_slice()), "clause 5: a link within is none such");
    // Some keep pipes to themselves; nobody waits for one.
    let pipe = sandbox.read(&here, "pipe").await;
    assert!(!matches!(pipe, Ok(Some(_))), "a pipe is no file: {pipe:?}");
    sandbox.discard(&here).await.unwrap();
}

async fn it_is_told_when_its_workspace_is_discarded(sandbox: &dyn Sandbox) {
    let here = fresh();
    let endless = script("echo > begun; while :; do :; done");
    let limits = Limits { time: Duration::from_secs(3600), ..Limits::default() };
    let discard = async {
        while sandbox.read(&here, "begun").await.unwrap().is_none() {}
        sandbox.discard(&here).await.unwrap();
    };
    let (ran, ()) = future::join(sandbox.run(&here, &endless, &limits), discard).await;
    assert_eq!(ran.unwrap().ended, Ended::Killed(9), "discarding ends what runs");
    assert_eq!(sandbox.list(&here, "").await.unwrap(), [], "and nothing is left");
}
