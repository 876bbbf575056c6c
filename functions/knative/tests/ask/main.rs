//! `dormouse ask`, as the program that it is: what it answers, what it tells beside, and whom it asks.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod by_hand;
mod served;

use std::{env, fs, process::Output};

use dormouse_testkit::upstream::{Answer, Upstream};
use tempfile::TempDir;
use tokio::{net::TcpSocket, process::Command};

/// Asks with these flags, and nothing of the tester's own settings.
async fn ask(flags: &[&str]) -> Output {
    let home = TempDir::new().unwrap();
    Command::new(env!("CARGO_BIN_EXE_dormouse"))
        .args(["ask", "--store", "memory:", "--sandbox", "off"])
        .args(flags)
        .arg("What is 17*23?")
        .env_clear()
        .envs(env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", home.path())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .await
        .unwrap()
}

/// What it printed on both channels, where it succeeded.
fn printed(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let printed = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{printed:?}");
    printed
}

#[tokio::test]
async fn a_model_in_process_calls_a_tool_reads_its_result_and_answers() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("by hand.gguf");
    fs::write(&file, by_hand::model()).unwrap();
    let upstream = format!("embedded:{}", file.display());

    let (answer, steps) = printed(&ask(&["--upstream", &upstream]).await);

    assert_eq!(answer, format!("{}\n", by_hand::ANSWER));
    let (call, result) = steps.trim_end().split_once('\n').unwrap();
    assert_eq!(call.replace(' ', ""), ">calculator{\"expression\":\"17*23\"}");
    assert_eq!(result, "< 391");
}

#[tokio::test]
async fn the_steps_of_a_run_are_told_beside_its_answer() {
    let upstream = Upstream::start().await;
    upstream.once("echo", Answer::tool_calls(&[("calculator", &["{\"expression\":", "\"17*\"}"])]));
    upstream.once("echo", Answer::tool_calls(&[("calculator", &["{\"expression\":\"17*23\"}"])]));
    upstream.once("echo", Answer::text(&["It is ", "391."]));

    let (answer, steps) =
        printed(&ask(&["--upstream", &upstream.base_url(), "--mode", "loop"]).await);

    assert_eq!(answer, "It is 391.\n");
    let steps: Vec<&str> = steps.lines().collect();
    assert_eq!(steps[0], "> calculator {\"expression\":\"17*\"}");
    assert!(steps[1].starts_with("! "), "{steps:?}");
    assert_eq!(steps[2..], ["> calculator {\"expression\":\"17*23\"}", "< 391"]);
}

#[tokio::test]
async fn a_model_elsewhere_is_just_asked() {
    let upstream = Upstream::start().await;
    let (answer, beside) = printed(&ask(&["--upstream", &upstream.base_url()]).await);
    assert_eq!((answer.as_str(), beside.as_str()), ("You said: What is 17*23?\n", ""));
    let asked = upstream.asked("echo").await.json();
    assert_eq!(asked.get("tools"), None);
    assert_eq!(asked.get("dormouse"), None);
}

#[tokio::test]
async fn nobody_stands_in_for_an_upstream_that_is_named() {
    // While the socket is there, nobody else listens at its port.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/v1", silent.local_addr().unwrap());

    let output = ask(&["--upstream", &url]).await;

    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(why.starts_with("dormouse: "), "{why}");
}

#[cfg(feature = "nano")]
#[tokio::test]
async fn the_model_in_the_box_calculates() {
    let (answer, steps) = printed(&ask(&["--upstream", "embedded:nano"]).await);
    assert!(answer.contains("391"), "{answer}");
    assert!(steps.starts_with("> calculator ") && steps.ends_with("\n< 391\n"), "{steps}");
}
