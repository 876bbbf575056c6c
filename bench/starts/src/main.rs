//! Measures cold starts: of the Lambda function and of the Spin component, each beside a hello-world that
//! runs in the same host. They take turns, so that a noisy moment hits both. Prints the medians as JSON.
//!
//! `bench/run` builds what is measured and names it in variables:
//! `BENCH_LAMBDA`, `BENCH_LAMBDA_HELLO`, `BENCH_SPIN_HOST`, `BENCH_SPIN`, `BENCH_SPIN_HELLO`.

mod lambda;
mod request;
mod spin;

use std::{env, ffi::OsString, io, time::Duration};

use request::Request;
use serde::Serialize;

/// Starts of which the median counts.
const STARTS: usize = 25;
/// The administrator's key of the gateways.
const ADMIN: &str = "bench-administrator-key";

/// What was found about one thing that starts.
#[derive(Debug, Serialize)]
struct Start {
    what: &'static str,
    /// The median from the start of the process to the first byte of its first answer.
    median_ms: f64,
    fastest_ms: f64,
    slowest_ms: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut found = lambda::measure().await?;
    found.extend(spin::measure().await?);
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

impl Start {
    fn of(what: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |place: usize| times.get(place).map_or(f64::NAN, |it| it.as_secs_f64() * 1e3);
        let slowest = times.len().saturating_sub(1);
        Self { what, median_ms: at(times.len() / 2), fastest_ms: at(0), slowest_ms: at(slowest) }
    }
}

/// The first request of a gateway: is it there?
fn ready() -> Request {
    Request::get("/healthz")
}

/// The first request of a gateway that does something: it opens its store and asks its upstream.
fn question() -> Request {
    Request::post(
        "/v1/chat/completions",
        ADMIN,
        r#"{"model":"echo","messages":[{"role":"user","content":"Why do dormice sleep?"}]}"#,
    )
}

fn named(variable: &str) -> io::Result<OsString> {
    env::var_os(variable).ok_or_else(|| io::Error::other(format!("{variable} is missing")))
}
