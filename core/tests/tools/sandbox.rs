//! Code and files, by a sandbox that answers as it is told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Error, Result,
    ports::{Confinement, Ended, File, Limits, Printed, Program, Ran, Sandbox, Workspace},
    tools::{Fixed, Output, RunCode, TaskFiles, Tool},
};
use serde_json::{Value, json};

use crate::bench::{Bench, context, failure, text};

/// Files in memory; programs end as they are told to.
#[derive(Debug)]
struct Scripted {
    files: Mutex<BTreeMap<(String, String), Bytes>>,
    ran: Mutex<Vec<Program>>,
    ends: Ran,
}

#[async_trait]
impl Sandbox for Scripted {
    async fn confinement(&self) -> Result<Confinement> {
        Ok(Confinement::default())
    }

    async fn run(&self, _: &Workspace, program: &Program, _: &Limits) -> Result<Ran> {
        self.ran.lock().unwrap().push(program.clone());
        Ok(self.ends.clone())
    }

    async fn read(&self, of: &Workspace, path: &str) -> Result<Option<Bytes>> {
        if path.contains("..") {
            return Err(Error::invalid("path", "`path` leads out of the workspace"));
        }
        Ok(self.files.lock().unwrap().get(&(of.name.clone(), path.to_owned())).cloned())
    }

    async fn write(&self, of: &Workspace, path: &str, content: Bytes) -> Result<()> {
        self.files.lock().unwrap().insert((of.name.clone(), path.to_owned()), content);
        Ok(())
    }

    async fn list(&self, of: &Workspace, _: &str) -> Result<Vec<File>> {
        let files = self.files.lock().unwrap();
        let ours = files.iter().filter(|((name, _), _)| *name == of.name);
        let file = |((_, path), content): (&(String, String), &Bytes)| File {
            path: path.clone(),
            size: content.len() as u64,
            directory: false,
        };
        Ok(ours.map(file).collect())
    }

    async fn pack(&self, _: &Workspace) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    async fn unpack(&self, _: &Workspace, _: Bytes) -> Result<()> {
        Ok(())
    }

    async fn discard(&self, _: &Workspace) -> Result<()> {
        Ok(())
    }
}

fn printed(text: &str, dropped: u64) -> Printed {
    Printed { kept: Bytes::copy_from_slice(text.as_bytes()), dropped }
}

fn ended(ended: Ended, stdout: Printed, stderr: Printed) -> Arc<Scripted> {
    let ends = Ran { ended, stdout, stderr, time: Duration::from_millis(1500) };
    Arc::new(Scripted { files: Mutex::default(), ran: Mutex::default(), ends })
}

fn quiet() -> Arc<Scripted> {
    ended(Ended::Exited(0), Printed::default(), Printed::default())
}

fn bench(sandbox: Option<Arc<Scripted>>) -> Bench {
    let sandbox = sandbox.map(|it| it as Arc<dyn Sandbox>);
    let code =
        [RunCode::bash, RunCode::python].map(|tool| tool(sandbox.clone(), Limits::default()));
    let code = code.map(|tool| Arc::new(tool) as Arc<dyn Tool>);
    let files = TaskFiles::all(sandbox.as_ref()).map(|tool| Arc::new(tool) as Arc<dyn Tool>);
    Bench::of(vec![Arc::new(Fixed(code.into_iter().chain(files).collect()))])
}

async fn bash(sandbox: &Arc<Scripted>) -> Output {
    bench(Some(sandbox.clone())).call("bash", json!({ "command": "make" })).await
}

#[tokio::test]
async fn a_program_reports_its_status_and_what_it_printed() {
    let done = bash(&ended(Ended::Exited(0), printed("two\nlines\n", 0), Printed::default())).await;
    assert!(!done.is_error);
    assert_eq!(text(&done), "exit status: 0\nstdout:\ntwo\nlines");
    let failed = bash(&ended(Ended::Exited(2), printed("", 0), printed("no rule\n", 7))).await;
    let said = "exit status: 2\nstderr:\nno rule\n[7 more bytes were printed and dropped]";
    assert_eq!(failure(&failed), said);
}

#[tokio::test]
async fn a_program_that_was_ended_says_by_what() {
    for (how, said) in [
        (Ended::Killed(11), "killed by signal 11"),
        (Ended::OutOfTime, "ended: it ran out of time after 1.5 s"),
        (Ended::OutOfMemory, "ended: it ran out of memory"),
        (Ended::OutOfDisk, "ended: it wrote more than it may keep"),
    ] {
        let ended = ended(how, Printed::default(), Printed::default());
        assert_eq!(failure(&bash(&ended).await), said);
    }
}

#[tokio::test]
async fn code_is_what_the_interpreter_runs_and_nothing_else_reads() {
    let sandbox = quiet();
    let bench = bench(Some(sandbox.clone()));
    bench.call("bash", json!({ "command": "ls 'a b'" })).await;
    bench.call("python", json!({ "code": "print(1)" })).await;
    let ran = sandbox.ran.lock().unwrap();
    let told: Vec<_> = ran.iter().map(|it| (it.command.join(" "), it.stdin.as_ref())).collect();
    let wanted: [(String, &[u8]); 2] =
        [("bash -c ls 'a b'".into(), b""), ("python3 -u -".into(), b"print(1)")];
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn without_a_sandbox_every_tool_says_so() {
    let bench = bench(None);
    for (name, input) in [
        ("bash", json!({ "command": "ls" })),
        ("python", json!({ "code": "1" })),
        ("read_file", json!({ "path": "a" })),
        ("write_file", json!({ "path": "a", "content": "" })),
        ("edit_file", json!({ "path": "a", "old": "x", "new": "y" })),
        ("list_files", json!({})),
    ] {
        let said = failure(&bench.call(name, input).await);
        assert!(said.contains("this gateway has no sandbox"), "{name}: {said}");
    }
}

#[tokio::test]
async fn files_are_written_read_edited_and_listed() {
    let bench = bench(Some(quiet()));
    let call = |name: &'static str, input: Value| bench.call(name, input);
    let written =
        call("write_file", json!({ "path": "a.txt", "content": "one\ntwo\ntwo\n" })).await;
    assert_eq!(text(&written), "wrote 12 bytes to a.txt");
    let read = call("read_file", json!({ "path": "a.txt", "first_line": 2, "lines": 1 })).await;
    assert_eq!(text(&read), "two");
    let twice = call("edit_file", json!({ "path": "a.txt", "old": "two", "new": "2" })).await;
    assert!(failure(&twice).contains("in the file 2 times"));
    let missing = call("edit_file", json!({ "path": "a.txt", "old": "three", "new": "3" })).await;
    assert!(failure(&missing).contains("not in the file"));
    let edit = json!({ "path": "a.txt", "old": "two", "new": "2", "everywhere": true });
    assert_eq!(text(&call("edit_file", edit).await), "changed a.txt in 2 places");
    assert_eq!(text(&call("read_file", json!({ "path": "a.txt" })).await), "one\n2\n2\n");
    assert_eq!(text(&call("list_files", json!({})).await), "a.txt (8 bytes)");
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let sandbox = quiet();
    sandbox.write(&context().workspace, "b", Bytes::from_static(b"\xff\xfe")).await.unwrap();
    let bench = bench(Some(sandbox));
    for (path, why) in [
        ("none", "there is no file `none`"),
        ("b", "`b` is no text: it has 2 bytes"),
        ("../x", "`path` leads out of the workspace"),
    ] {
        assert_eq!(failure(&bench.call("read_file", json!({ "path": path })).await), why);
    }
}
