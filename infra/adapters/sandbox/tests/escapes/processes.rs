//! Outliving a run, and reaching the gateway's own processes.

use std::{path::PathBuf, pin::pin, process::Stdio, time::Duration};

use bytes::Bytes;
use dormouse_core::ports::{Ended, Limits, Program, Sandbox};
use dormouse_sandbox::ProcessSandbox;
use futures::future::{self, Either};

use crate::yard::{mark, marked, options, until, usual, workspace, yards};

/// Where the gateway that is to be killed keeps its workspaces, and the mark of its program.
const FOLDER: &str = "DOOMED_FOLDER";
const MARK: &str = "DOOMED_MARK";

#[tokio::test]
async fn nothing_outlives_its_run() {
    for yard in yards() {
        let mark = mark();
        let script = format!(
            "setsid sleep {mark} & nohup sleep {mark} & (sleep {mark} &) & \
             python3 -c \"import os\n\
             if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.execvp('sleep', ['sleep', '{mark}'])\n\" & \
             trap '' TERM HUP INT; while [ $(pgrep -c -f 'sleep {mark}') -lt 4 ]; do :; done; echo over"
        );
        // Without namespaces it does not see its own others: the host does.
        let endless = script.replace("while [", "while false && [");
        let script = if yard.name == "with namespaces" { script } else { endless };
        let printed = yard.sh(&script).await;
        assert!(printed.contains("over"), "{}: {printed}", yard.name);
        assert_eq!(marked(&mark), 0, "{}: something is left", yard.name);
    }
}

#[tokio::test]
async fn nothing_outlives_a_caller_who_leaves() {
    for yard in yards() {
        let mark = mark();
        {
            let script = format!("setsid sleep {mark} & sleep {mark}");
            let command = ["sh", "-c", &script];
            let limits = usual();
            let run = pin!(yard.run(&command, &limits));
            let begun = pin!(until("it begins", || marked(&mark) >= 3));
            assert!(matches!(future::select(run, begun).await, Either::Right(_)), "{}", yard.name);
        }
        until("it ends", || marked(&mark) == 0).await;
    }
}

#[tokio::test]
async fn nothing_outlives_the_gateway() {
    let folder = tempfile::TempDir::new().unwrap();
    let mark = mark();
    let mut gateway = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::a_gateway_that_is_killed", "--ignored"])
        .env(FOLDER, folder.path())
        .env(MARK, &mark)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("its program begins", || marked(&format!("sleep\0{mark}")) >= 2).await;
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    until("its program ends", || marked(&mark) == 0).await;
}

#[tokio::test]
#[ignore = "is started by another test, and killed"]
async fn a_gateway_that_is_killed() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let mark = std::env::var(MARK).unwrap();
    let sandbox = ProcessSandbox::new(options(&folder));
    let script = format!("setsid sleep {mark} & sleep {mark}; sleep {mark}");
    let command = ["sh", "-c", &script].map(str::to_owned).into();
    let program = Program { command, stdin: Bytes::new() };
    let limits = Limits { time: Duration::from_secs(3600), ..usual() };
    sandbox.run(&workspace("a"), &program, &limits).await.unwrap();
}

#[tokio::test]
async fn the_gateway_is_neither_killed_nor_traced() {
    let gateway = std::process::id();
    for yard in yards() {
        let printed = yard
            .python(&format!(
                "import ctypes, os, signal\n\
                 c = ctypes.CDLL(None, use_errno=True)\n\
                 got = []\n\
                 for pid in [{gateway}, -{gateway}, os.getppid()]:\n\
                 \x20   try:\n\
                 \x20       os.kill(pid, signal.SIGKILL)\n\
                 \x20       if os.getppid() != 1: got.append(pid)\n\
                 \x20   except OSError:\n\
                 \x20       pass\n\
                 for pid in [{gateway}, os.getppid()]:\n\
                 \x20   if c.ptrace(16, pid, 0, 0) != -1: got.append('traced')\n\
                 \x20   try:\n\
                 \x20       open(f'/proc/{{pid}}/mem', 'rb').read(1)\n\
                 \x20       got.append('read')\n\
                 \x20   except OSError:\n\
                 \x20       pass\n\
                 print(got, 'over')"
            ))
            .await;
        assert_eq!(printed, "[] over\n", "{}", yard.name);
        // Everybody it may kill: its own.
        let ran =
            yard.run(&["sh", "-c", "kill -9 -1; kill -9 1; kill -9 $PPID; exit 5"], &usual()).await;
        assert!(matches!(ran.ended, Ended::Exited(5) | Ended::Killed(9)), "{}: {ran:?}", yard.name);
    }
}

#[tokio::test]
async fn what_holds_programs_is_said() {
    for yard in yards() {
        let confinement = yard.sandbox.confinement().await.unwrap();
        let needed = if yard.name == "with namespaces" {
            vec!["mount namespace", "pid namespace", "network namespace", "seccomp", "rlimits"]
        } else {
            vec!["landlock", "landlock scope", "seccomp", "rlimits"]
        };
        for means in needed {
            let active = confinement.active.iter().any(|it| it == means);
            assert!(active, "{}: {means} is missing here: {confinement:?}", yard.name);
        }
        assert!(confinement.missing.iter().all(|(_, why)| !why.is_empty()), "{confinement:?}");
    }
}
