//! The contract of the store, kept inside the component on a real Redis server.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
};

use crate::{host::Host, records::applied};

/// A Redis server that keeps nothing on disk; killed when dropped.
struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        Self { process: Self::run(port), port }
    }

    fn die(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// After its death, another one takes its place, which knows nothing.
    fn come_back(&mut self) {
        self.process = Self::run(self.port);
    }

    /// Sends it `STOP` or `CONT`.
    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let status = Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status();
        assert!(status.unwrap().success());
    }

    fn run(port: u16) -> Child {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]);
        let mut process =
            command.stdout(Stdio::piped()).spawn().expect("redis-server is installed");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = |line: String| line.contains("Ready to accept connections");
        assert!(lines.map(Result::unwrap).any(ready), "redis-server does not start");
        process
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.die();
    }
}

#[test]
fn every_clause_of_the_contract_holds_on_redis() {
    let redis = Redis::start();
    let (status, body) = Host::on_redis(&redis.url(), true).post("/conformance/records");
    assert_eq!((status, body.as_str()), (200, "every clause holds"));
}

#[test]
fn every_clause_of_the_queues_contract_holds_on_redis() {
    let redis = Redis::start();
    let (status, body) = Host::on_redis(&redis.url(), true).post("/conformance/queue");
    assert_eq!((status, body.as_str()), (200, "every clause holds"));
}

#[test]
fn a_ceiling_is_never_passed_by_three_processes_on_redis() {
    let redis = Redis::start();
    let hosts: Vec<_> = (0..3).map(|_| Host::on_redis(&redis.url(), true)).collect();
    let applied: usize = thread::scope(|scope| {
        let races: Vec<_> =
            hosts.iter().map(|host| scope.spawn(|| host.post("/conformance/race/acme"))).collect();
        races.into_iter().map(|race| applied(&race.join().unwrap())).sum()
    });
    assert_eq!(applied, 100);
}

#[test]
fn a_redis_that_comes_back_is_found_again_and_told_its_scripts_anew() {
    let mut redis = Redis::start();
    let host = Host::on_redis(&redis.url(), true);
    assert_eq!(host.call("POST", "/v1/keys", r#"{"tenant":"acme","name":"before"}"#).0, 201);

    redis.die();
    let (status, body) = host.call("POST", "/v1/keys", r#"{"tenant":"acme","name":"meanwhile"}"#);
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("store_unavailable"), "{body}");

    redis.come_back();
    assert_eq!(host.call("POST", "/v1/keys", r#"{"tenant":"acme","name":"after"}"#).0, 201);
    let (status, body) = host.call("GET", "/v1/keys", "");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("after") && !body.contains("meanwhile"), "{body}");
}

#[test]
fn a_redis_that_is_silent_is_given_up_and_asked_again_when_it_speaks() {
    let redis = Redis::start();
    let host = Host::on_redis(&redis.url(), true);
    assert_eq!(host.call("GET", "/v1/keys", "").0, 200);

    redis.signal("STOP");
    let (status, body) = host.call("GET", "/v1/keys", "");
    assert_eq!(status, 503, "{body}");

    redis.signal("CONT");
    assert_eq!(host.call("GET", "/v1/keys", "").0, 200);
}

#[test]
fn a_redis_that_the_component_may_not_call_is_unavailable() {
    let redis = Redis::start();
    let host = Host::on_redis(&redis.url(), false);
    assert_eq!(host.post("/conformance/race/acme").1, "0 applied, 50 failed");
}
