//! Clients that leave.

use std::{
    io::Read as _,
    net::TcpStream,
    sync::mpsc::Receiver,
    thread,
    time::{Duration, Instant},
};

use crate::{
    host::{Host, database},
    upstream::{self, SPEAKS, Seen},
};

/// How soon a provider must be left alone after the client has gone.
const SOON: Duration = Duration::from_secs(5);
/// How long an answer must be silent to be taken for one that goes on.
const A_WHILE: Duration = Duration::from_secs(1);
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn leaving_a_silent_stream_ends_the_call_within_a_second() {
    let scene = Scene::new("left-stream");
    let mut client = scene.ask(SPEAKS);
    read_until(&mut client, "word");
    scene.leave(client);
}

#[test]
fn leaving_before_the_first_byte_ends_the_call_within_a_second() {
    let scene = Scene::new("left-early");
    let client = scene.ask("silent");
    scene.leave(client);
}

#[test]
fn two_clients_of_one_instance_leave_each_for_themselves() {
    let scene = Scene::new("left-alone");
    let mut stays = scene.ask(SPEAKS);
    read_until(&mut stays, "word");
    let mut leaves = scene.ask(SPEAKS);
    read_until(&mut leaves, "word");
    let left = Instant::now();
    drop(leaves);
    assert!(scene.closed().duration_since(left) < SOON);
    stays.set_read_timeout(Some(A_WHILE)).unwrap();
    let end = stays.read(&mut [0; 1024]);
    assert!(!matches!(end, Ok(0)), "the other answer goes on: {end:?}");
    scene.leave(stays);
}

/// A tenant with a budget, and a provider that says little.
struct Scene {
    host: Host,
    seen: Receiver<Seen>,
    key: String,
    key_id: String,
}

impl Scene {
    fn new(name: &str) -> Self {
        let (url, seen) = upstream::silent();
        let host = Host::in_front_of(&url, &database(name));
        let (status, minted) = host.call("POST", "/v1/keys", r#"{"tenant":"acme","budget":"1"}"#);
        assert_eq!(status, 201, "{minted}");
        Self { key: field(&minted, "key"), key_id: field(&minted, "id"), host, seen }
    }

    /// Asks for a stream, and returns when the provider has been asked.
    fn ask(&self, model: &str) -> TcpStream {
        let body = format!(
            r#"{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"hello"}}]}}"#
        );
        let client = self.host.send("POST", "/v1/chat/completions", &self.key, &body);
        let seen = self.seen.recv_timeout(PATIENCE).expect("the provider is asked");
        assert!(matches!(seen, Seen::Request), "{seen:?}");
        client
    }

    /// When the provider saw its next connection end.
    fn closed(&self) -> Instant {
        match self.seen.recv_timeout(PATIENCE).expect("the provider is left alone") {
            Seen::Closed(when) => when,
            Seen::Request => unreachable!("nobody asked"),
        }
    }

    /// The last client leaves: the call ends soon, and then nothing is held any more.
    fn leave(&self, client: TcpStream) {
        let left = Instant::now();
        drop(client);
        let took = self.closed().duration_since(left);
        assert!(took < SOON, "the call went on for {took:?}");
        while self.held() != "0.000000000" {
            assert!(left.elapsed() < PATIENCE, "{} dollars are still held", self.held());
            thread::yield_now();
        }
    }

    fn held(&self) -> String {
        field(&self.host.call("GET", &format!("/v1/keys/{}", self.key_id), "").1, "held")
    }
}

/// Reads from `client` until `word` came.
fn read_until(client: &mut TcpStream, word: &str) {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(word) {
        let mut piece = [0; 1024];
        let length = client.read(&mut piece).unwrap();
        assert_ne!(length, 0, "it ended after {}", String::from_utf8_lossy(&heard));
        heard.extend(&piece[..length]);
    }
}

/// The text of a field in a small JSON object.
fn field(json: &str, name: &str) -> String {
    let (_, rest) = json.split_once(&format!(r#""{name}":""#)).expect(json);
    rest.split('"').next().unwrap().to_owned()
}
