//! The vendors' own Python SDKs.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::{
    llama::{Llama, MODEL},
    stage::{ADMIN_KEY, Stage, within},
};

pub(crate) async fn the_openai_sdk_works(stage: Stage) {
    works(&stage, "openai_sdk.py", ("OPENAI_BASE_URL", "/v1"), "OPENAI_API_KEY").await;
}

pub(crate) async fn the_anthropic_sdk_works(stage: Stage) {
    works(&stage, "anthropic_sdk.py", ("ANTHROPIC_BASE_URL", ""), "ANTHROPIC_API_KEY").await;
}

/// Runs the checks of `script` against a gateway in front of the tiny model. `base` names the variable for
/// the gateway's URL, and the path that belongs to it; `key` the variable for the key.
async fn works(stage: &Stage, script: &str, base: (&str, &str), key: &str) {
    let llama = Llama::start_with(&["--embeddings"]).await;
    let prices = ("DORMOUSE_PRICES", r#"{"*": {"input": "1", "output": "2"}}"#);
    let gateway = stage.gateway_for(&llama.base_url(), &[prices]).await;
    let (_, poor) = gateway.key_with_budget("0.000000001").await;

    let python = run(Command::new(tests().join("venv"))).await;
    let mut check = Command::new(Path::new(python.trim()).join("bin/python"));
    check
        .arg(tests().join("clients").join(script))
        .env(base.0, format!("{}{}", gateway.base(), base.1))
        .env(key, ADMIN_KEY)
        .env("NO_PROXY", "127.0.0.1")
        .env("CHECK_MODEL", MODEL)
        .env("CHECK_KEY_WITHOUT_MONEY", poor.key());
    run(check).await;
}

/// Where the tests' own programs are.
fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs a program that must succeed, and returns what it printed.
async fn run(mut command: Command) -> String {
    let output = within("a program to end", command.output()).await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{printed}{complaint}");
    printed
}
