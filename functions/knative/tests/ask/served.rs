//! The same of a server: a model in process, in the loop, through each dialect.

use std::{fs, process::Stdio, time::Duration};

use bytes::Bytes;
use dormouse_core::ports::HttpClient;
use dormouse_host::{ClientOptions, ReqwestClient};
use futures::TryStreamExt;
use http::{Request, header::AUTHORIZATION};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::by_hand::{self, ANSWER};

const KEY: &str = "a key that nobody guesses";

struct Served {
    _process: Child,
    folder: TempDir,
    url: String,
}

/// Starts a gateway with the model made by hand.
async fn serve() -> Served {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hand.gguf");
    fs::write(&file, by_hand::model()).unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_dormouse"))
        .args(["serve", "--listen", "127.0.0.1:0", "--store", "memory:", "--sandbox", "off"])
        .args(["--api-key", KEY, "--log", "error"])
        .args(["--upstream", &format!("embedded:{}", file.display())])
        .env_clear()
        .env("HOME", folder.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let url = line.strip_prefix("Dormouse listens on ").unwrap().to_owned();
    // Whoever prints needs a reader.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Served { _process: process, folder, url }
}

impl Served {
    async fn post(&self, path: &str, body: &Value) -> Value {
        let http = ReqwestClient::new(ClientOptions {
            connect_timeout: Duration::from_secs(10),
            keep: false,
            proxy: None,
        });
        let request = Request::post(format!("{}{path}", self.url))
            .header(AUTHORIZATION, format!("Bearer {KEY}"))
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = http.send(request).await.unwrap().into_body();
        let bytes: Vec<Bytes> = answer.try_collect().await.unwrap();
        serde_json::from_slice(&bytes.concat()).unwrap()
    }
}

#[tokio::test]
async fn every_dialect_has_the_answer_of_a_model_in_process_and_its_steps() {
    let served = serve().await;
    let messages = json!([{ "role": "user", "content": "What is 17*23?" }]);
    let hands = json!({ "mode": "loop" });

    let chat = json!({ "model": "hand", "messages": messages, "dormouse": { "mode": "loop", "steps": true } });
    let chat = served.post("/v1/chat/completions", &chat).await;
    assert_eq!(chat["choices"][0]["message"]["content"], ANSWER, "{chat}");
    assert_eq!(chat["dormouse"]["steps"][0]["name"], "calculator");
    assert_eq!(chat["dormouse"]["steps"][1]["output"], "391");

    let responses = json!({ "model": "hand", "input": "What is 17*23?", "dormouse": hands });
    let responses = served.post("/v1/responses", &responses).await;
    let (call, message) = (&responses["output"][0], &responses["output"][1]);
    assert_eq!(
        (&call["name"], &call["output"]),
        (&json!("calculator"), &json!("391")),
        "{responses}"
    );
    assert_eq!(message["content"][0]["text"], ANSWER);

    let anthropic =
        json!({ "model": "hand", "max_tokens": 64, "messages": messages, "dormouse": hands });
    let anthropic = served.post("/v1/messages", &anthropic).await;
    let blocks = &anthropic["content"];
    assert_eq!(
        (&blocks[0]["name"], &blocks[2]["text"]),
        (&json!("calculator"), &json!(ANSWER)),
        "{anthropic}"
    );
    assert!(blocks[1].to_string().contains("391"), "{blocks}");
}

#[tokio::test]
async fn a_file_of_a_model_is_not_read_before_it_is_asked() {
    let served = serve().await;
    let file = served.folder.path().join("hand.gguf");
    fs::remove_file(&file).unwrap();
    let ask = json!({ "model": "hand", "messages": [{ "role": "user", "content": "Hello" }] });
    let why = served.post("/v1/chat/completions", &ask).await;
    assert!(why["error"]["message"].as_str().unwrap().contains("hand.gguf"), "{why}");
    fs::write(&file, by_hand::model()).unwrap();
    let answer = served.post("/v1/chat/completions", &ask).await;
    assert!(answer["choices"][0].is_object(), "{answer}");
}
