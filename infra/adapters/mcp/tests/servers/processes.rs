//! Servers in processes.

use std::{
    env,
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use dormouse_core::{chat::Part, tools::Toolbox};
use serde_json::json;

use crate::peer::{call, client, names, process, process_with_a_stubborn_child, run, script, text};

#[tokio::test]
async fn the_tools_of_a_process_are_listed_and_called() {
    for role in ["new", "old"] {
        let server = client(&Arc::default(), process(role), None);
        assert!(names(&server).await.starts_with(&["echo".to_owned()]), "{role}");
        let said = call(&server, "echo", json!({ "text": "grüß Gott" })).await;
        assert_eq!((text(&said), said.is_error), ("grüß Gott", false));
        let failed = call(&server, "fail", json!({})).await;
        assert_eq!((text(&failed), failed.is_error), ("it cannot be done", true));
        let picture = call(&server, "picture", json!({})).await;
        let Some(Part::Image(image)) = picture.parts.first() else { panic!("{picture:?}") };
        assert_eq!(image.url, "data:image/png;base64,iVBORw0KGgo=");
        let meta = call(&server, "meta", json!({})).await;
        assert!(text(&meta).contains(r#""dormouse/idempotencyKey":"once""#), "{meta:?}");
    }
}

#[tokio::test]
async fn only_what_is_allowed_is_offered() {
    let server = client(&Arc::default(), process("new"), Some(&["*", "!die", "!grow"]));
    let names = names(&server).await;
    assert!(names.contains(&"echo".to_owned()) && !names.contains(&"die".to_owned()));
}

#[tokio::test]
async fn a_server_sees_of_the_environment_what_it_needs() {
    assert!(env::var_os("CARGO_MANIFEST_DIR").is_some(), "this test is told more");
    let server = client(&Arc::default(), process("new"), None);
    let told = call(&server, "variables", json!({})).await;
    let told: Vec<&str> = text(&told).split(' ').collect();
    assert!(told.contains(&"PATH") && told.contains(&"PEER_SECRET"), "{told:?}");
    assert!(!told.iter().any(|name| name.starts_with("CARGO_")), "{told:?}");
}

#[tokio::test]
async fn a_list_that_the_server_says_has_changed_is_asked_for_again() {
    for role in ["new", "old"] {
        let server = client(&Arc::default(), process(role), None);
        assert!(!names(&server).await.contains(&"grown".to_owned()));
        // Whether the server listens to being listened to yet, only it knows.
        while !names(&server).await.contains(&"grown".to_owned()) {
            call(&server, "grow", json!({})).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_dies_fails_its_call_with_its_last_words_and_is_started_again() {
    let server = client(&Arc::default(), process("new"), None);
    let tools = server.tools().await.unwrap();
    let find = |name: &str| tools.iter().find(|it| it.definition().name == name).unwrap();
    let died = run(find("die").as_ref(), json!({})).await;
    assert!(died.is_error);
    assert!(text(&died).contains("my last words"), "{died:?}");
    // A tool that was listed before goes on, too.
    let said = run(find("echo").as_ref(), json!({ "text": "again" })).await;
    assert_eq!(text(&said), "again");
}

/// Says on a pipe that it lives, and ignores everything else, even the end of its input.
const STUBBORN: &str = r#"trap '' HUP INT QUIT TERM; exec 4>"$1"; echo up >&4
while :; do read -r _ || sleep 1000; done"#;

/// Not a test, if the program was started to be killed.
#[tokio::test]
async fn this_program_starts_a_server_when_it_is_to_be_killed() {
    let Ok(pipe) = env::var("MCP_DOOMED") else { return };
    let server = client(&Arc::default(), script(STUBBORN, &[&pipe]), None);
    let error = server.tools().await.unwrap_err();
    panic!("the server never answers: {error}");
}

#[test]
fn a_server_does_not_outlive_a_gateway_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = pipe(folder.path());
    let test = "processes::this_program_starts_a_server_when_it_is_to_be_killed";
    let mut gateway = Command::new(env::current_exe().unwrap())
        .args(["--exact", test])
        .env("MCP_DOOMED", &pipe)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = std::fs::File::open(&pipe).unwrap();
    let mut up = [0; 3];
    server.read_exact(&mut up).unwrap();
    gateway.kill().unwrap();
    // The end comes when nobody holds the pipe any more.
    assert_eq!(server.read_to_end(&mut Vec::new()).unwrap(), 0);
    gateway.wait().unwrap();
}

#[tokio::test]
async fn a_server_and_what_it_started_end_with_the_toolbox() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = pipe(folder.path());
    let reading = tokio::task::spawn_blocking({
        let pipe = pipe.clone();
        move || {
            let mut child = std::fs::File::open(pipe).unwrap();
            let mut up = [0; 3];
            child.read_exact(&mut up).unwrap();
            child
        }
    });
    let server = client(&Arc::default(), process_with_a_stubborn_child(&pipe), None);
    assert!(names(&server).await.contains(&"echo".to_owned()));
    let mut child = reading.await.unwrap();
    drop(server);
    // The end comes when nobody holds the pipe any more.
    let rest = tokio::task::spawn_blocking(move || child.read_to_end(&mut Vec::new()).unwrap());
    assert_eq!(rest.await.unwrap(), 0);
}

fn pipe(folder: &Path) -> String {
    let path = folder.join("pipe").to_string_lossy().into_owned();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}
