//! Whatever a program does, the gateway goes on, and nothing of it is left.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use dormouse_core::{
    chat::Part,
    ports::Workspace,
    tools::{Context, Output, Tool, Toolbox},
};
use dormouse_plugins::Plugins;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// Begins a plugin in shell that describes itself as `NAME`.
const DESCRIBES: &str = r#"#!/bin/sh
if [ "$1" = --describe ]; then
    echo '{"name": "NAME", "description": "A test.", "input_schema": {"type": "object"}, "timeout_seconds": 7}'
    exit 0
fi
"#;

struct Shelf {
    directory: TempDir,
    plugins: Plugins,
}

impl Shelf {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        // Nobody knows how slow the machine is.
        let plugins = Plugins::new(directory.path()).describing_within(Duration::from_secs(600));
        Self { directory, plugins }
    }

    fn put(&self, file: &str, text: &str, mode: u32) -> PathBuf {
        // Written elsewhere and moved in, as whoever installs a plugin does: a file that is open for writing
        // cannot be run. Another process writes it, since those that other tests start meanwhile have whatever
        // is open here open, too, for a moment.
        let path = self.directory.path().join(file);
        let new = self.directory.path().join(format!(".{file}.new"));
        let write = r#"printf %s "$2" > "$1""#;
        let written = Command::new("sh").args(["-c", write, "sh"]).arg(&new).arg(text).status();
        assert!(written.unwrap().success());
        fs::set_permissions(&new, fs::Permissions::from_mode(mode)).unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }

    /// A plugin that does what the script says.
    fn script(&self, name: &str, script: &str) -> PathBuf {
        self.put(name, &format!("{}{script}\n", DESCRIBES.replace("NAME", name)), 0o755)
    }

    async fn names(&self) -> Vec<String> {
        let tools = self.plugins.tools().await.unwrap();
        tools.iter().map(|tool| tool.definition().name.clone()).collect()
    }

    async fn only(&self) -> Arc<dyn Tool> {
        let tools = self.plugins.tools().await.unwrap();
        assert_eq!(tools.len(), 1);
        Arc::clone(tools.first().unwrap())
    }
}

fn context() -> Context {
    let workspace = Workspace { tenant: "acme".into(), name: "run_1".into() };
    Context { workspace, idempotency_key: "run_1/1".into() }
}

async fn call(tool: &Arc<dyn Tool>, input: Value) -> Output {
    let Value::Object(input) = input else { panic!("an input is an object") };
    tool.call(input, &context()).await
}

fn text(output: &Output) -> &str {
    match output.parts.as_slice() {
        [Part::Text { text, .. }] => text,
        other => panic!("{other:?}"),
    }
}

/// What a script answers to nothing.
async fn answered(script: &str) -> Output {
    let shelf = Shelf::new();
    shelf.script("tool", script);
    let tool = shelf.only().await;
    call(&tool, json!({})).await
}

#[tokio::test]
async fn a_plugin_is_told_its_input_and_its_context() {
    let shelf = Shelf::new();
    shelf.script("tool", r#"printf '{"output": %s}' "$(cat)""#);
    let tool = shelf.only().await;
    assert_eq!(tool.time_limit(), Some(Duration::from_secs(7)));
    let said: Value = serde_json::from_str(text(&call(&tool, json!({ "a": 1 })).await)).unwrap();
    let told = json!({ "tenant": "acme", "workspace": "run_1", "idempotency_key": "run_1/1" });
    assert_eq!(said, json!({ "input": { "a": 1 }, "context": told }));
}

#[tokio::test]
async fn answers_may_be_json_or_plain_text() {
    for (script, said, is_error) in [
        (r#"echo '{"output": "done"}'"#, "done", false),
        (r#"echo '{"output": {"a": [1]}}'"#, r#"{"a":[1]}"#, false),
        (r#"echo '{"error": "no such city"}'"#, "no such city", true),
        (r#"echo '{"error": "no such city"}'; exit 3"#, "no such city", true),
        ("echo just text", "just text", false),
        (r#"echo '{"neither": 1}'"#, r#"{"neither": 1}"#, false),
        ("echo '{\"output\": '", "{\"output\":", false),
        (r"printf '\377\376'", "\u{fffd}\u{fffd}", false),
        ("true", "", false),
    ] {
        let output = answered(script).await;
        assert_eq!((text(&output), output.is_error), (said, is_error), "{script}");
    }
}

#[tokio::test]
async fn a_plugin_that_crashes_says_how() {
    let output = answered("echo out; echo 'no disk' >&2; exit 3").await;
    assert!(output.is_error);
    assert_eq!(text(&output), "the tool failed: exit status: 3\nno disk");
    let output = answered("kill -SEGV $$").await;
    assert!(text(&output).contains("signal: 11"), "{output:?}");
}

#[tokio::test]
async fn a_plugin_that_floods_is_ended() {
    let output = answered("while :; do echo 0123456789012345678901234567890123456789; done").await;
    assert_eq!(text(&output), "the tool was ended: it printed more than 1048576 bytes");
    // Errors are read, so that their writer is not held up, and dropped.
    let output = answered("head -c 5000000 /dev/zero >&2; echo done").await;
    assert_eq!(text(&output), "done");
}

#[tokio::test]
async fn a_plugin_that_does_not_listen_answers_all_the_same() {
    let shelf = Shelf::new();
    shelf.script("tool", "exec 0<&-; echo done");
    let tool = shelf.only().await;
    let output = call(&tool, json!({ "much": "x".repeat(1 << 20) })).await;
    assert_eq!(text(&output), "done");
}

#[tokio::test]
async fn nothing_of_the_gateways_is_in_its_environment() {
    let output = answered("env | cut -d= -f1 | sort | tr '\\n' ' '").await;
    assert_eq!(text(&output), "LANG PATH PWD");
}

/// Whether there is a process of this id that still does something.
fn lives(id: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(id).join("stat")).unwrap_or_default();
    let state = status.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    !matches!(state.flatten(), None | Some('Z' | 'X'))
}

/// Waits until a file has a line.
async fn line(path: &Path) -> String {
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn who_no_longer_waits_leaves_nothing_behind() {
    let shelf = Shelf::new();
    let (parent, child) =
        (shelf.directory.path().join(".parent"), shelf.directory.path().join(".child"));
    let script = format!(
        "sleep 1000 & echo $! > '{}'; echo $$ > '{}'; wait",
        child.display(),
        parent.display()
    );
    shelf.script("tool", &script);
    let tool = shelf.only().await;
    let context = context();
    let ids = {
        let call = tool.call(Map::new(), &context);
        tokio::select! {
            output = call => panic!("it hangs, and said {output:?}"),
            ids = async { (line(&parent).await, line(&child).await) } => ids,
        }
    };
    while lives(&ids.0) || lives(&ids.1) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn children_that_outlive_a_plugin_end_with_it() {
    let output = answered("sleep 1000 >/dev/null 2>&1 & echo $!").await;
    while lives(text(&output)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_does_not_describe_itself_is_left_out() {
    let shelf = Shelf::new();
    shelf.script("good", "echo good");
    for (file, says) in [
        ("garbage", "echo garbage"),
        ("fails", "exit 1"),
        ("silent", "true"),
        (
            "nameless",
            r#"echo '{"name": "a b", "description": "x", "input_schema": {"type": "object"}}'"#,
        ),
        (
            "shapeless",
            r#"echo '{"name": "x", "description": "x", "input_schema": {"type": "array"}}'"#,
        ),
        (
            "patient",
            r#"echo '{"name": "x", "description": "x", "input_schema": {"type": "object"}, "timeout_seconds": 0}'"#,
        ),
        ("floods", "while :; do echo 01234567890123456789; done"),
    ] {
        shelf.put(file, &format!("#!/bin/sh\n{says}\n"), 0o755);
    }
    shelf.put("no-program", "#!/nowhere/at/all\n", 0o755);
    assert_eq!(shelf.names().await, ["good"]);
}

#[tokio::test]
async fn what_hangs_instead_of_describing_itself_is_left_out_and_remembered() {
    let Shelf { directory, .. } = Shelf::new();
    let plugins = Plugins::new(directory.path()).describing_within(Duration::from_millis(1));
    let shelf = Shelf { directory, plugins };
    let asked = shelf.directory.path().join(".asked");
    let script = format!("#!/bin/sh\necho x >> '{}'\nexec sleep 1000\n", asked.display());
    shelf.put("hangs", &script, 0o755);
    assert!(shelf.names().await.is_empty());
    let once = fs::read_to_string(&asked).unwrap_or_default();
    assert!(shelf.names().await.is_empty());
    assert_eq!(fs::read_to_string(&asked).unwrap_or_default(), once, "it was asked again");
}

#[tokio::test]
async fn what_cannot_be_started_is_tried_again() {
    let shelf = Shelf::new();
    let path = shelf.script("tool", "echo done");
    let writing = fs::OpenOptions::new().append(true).open(&path).unwrap();
    assert!(shelf.names().await.is_empty(), "a file that is being written was run");
    drop(writing);
    // Processes that other tests have just started may have it open for a moment more.
    while shelf.names().await != ["tool"] {}
}

#[tokio::test]
async fn only_programs_that_nobody_else_may_change_are_run() {
    let shelf = Shelf::new();
    let text = DESCRIBES.replace("NAME", "x");
    shelf.put("data.json", &text, 0o644);
    shelf.put(".hidden", &text, 0o755);
    shelf.put("open", &text, 0o777);
    fs::create_dir(shelf.directory.path().join("folder")).unwrap();
    assert!(shelf.names().await.is_empty());
}

#[tokio::test]
async fn changes_in_the_directory_are_seen() {
    let shelf = Shelf::new();
    assert!(shelf.names().await.is_empty());
    shelf.script("a", "echo one");
    let path = shelf.script("b", "echo b");
    assert_eq!(shelf.names().await, ["a", "b"]);
    fs::remove_file(path).unwrap();
    let tool = shelf.only().await;
    assert_eq!(text(&call(&tool, json!({})).await), "one");
    shelf.put("a", &format!("{}echo two\n", DESCRIBES.replace("NAME", "renamed")), 0o755);
    assert_eq!(shelf.names().await, ["renamed"]);
    assert_eq!(text(&call(&shelf.only().await, json!({})).await), "two");
}

#[tokio::test]
async fn of_two_plugins_with_one_name_the_first_counts() {
    let shelf = Shelf::new();
    for file in ["a", "b"] {
        shelf.put(file, &format!("{}echo {file}\n", DESCRIBES.replace("NAME", "same")), 0o755);
    }
    assert_eq!(text(&call(&shelf.only().await, json!({})).await), "a");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_an_error_of_its_own() {
    assert!(Plugins::new("/nowhere/at/all").tools().await.is_err());
}
