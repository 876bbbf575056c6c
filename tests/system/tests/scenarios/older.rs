//! A model server from before it had calls that count tokens: all other calls reach the real one behind it.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the older server does not know.
const UNKNOWN: [&str; 2] = ["count_tokens", "input_tokens"];

/// The older server. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Older {
    address: String,
    server: JoinHandle<()>,
}

impl Older {
    /// One in front of the server at `address`.
    pub(crate) async fn than(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let behind = address.to_owned();
        let server = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(answer(caller, behind.clone()));
            }
        });
        Self { address: own, server }
    }

    /// What to set `DORMOUSE_UPSTREAM` to.
    pub(crate) fn base_url(&self) -> String {
        format!("{}/v1", self.address)
    }
}

impl Drop for Older {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Answers one request, and closes.
async fn answer(mut caller: TcpStream, behind: String) {
    let mut received = Vec::new();
    let head = loop {
        let mut piece = [0; 4096];
        let length = caller.read(&mut piece).await.unwrap();
        if length == 0 {
            return;
        }
        received.extend_from_slice(&piece[..length]);
        if let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let words = String::from_utf8(received[..head].to_vec()).unwrap().to_lowercase();
    let length = words.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    let mut body = received.split_off(head);
    let there = body.len();
    body.resize(length, 0);
    caller.read_exact(&mut body[there..]).await.unwrap();

    let path = words.split(' ').nth(1).unwrap();
    let (status, answer) = if UNKNOWN.iter().any(|word| path.contains(word)) {
        (404, bytes::Bytes::from_static(br#"{"error":{"message":"File Not Found"}}"#))
    } else {
        let url = format!("{behind}{path}");
        let request = reqwest::Client::new().post(url).header("content-type", "application/json");
        let response = request.body(body).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap())
    };
    let length = answer.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    caller.write_all(head.as_bytes()).await.unwrap();
    caller.write_all(&answer).await.unwrap();
}
