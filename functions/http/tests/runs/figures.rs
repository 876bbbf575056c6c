//! What the metrics of a process say of runs.

use std::time::Duration;

use http::Method;

use crate::bench::{Bench, Reply};

/// Fails where the metrics of a process lack one of these lines.
async fn figures(bench: &Bench, process: usize, wanted: &[&str]) {
    let figures = bench.get(process, "/metrics").await.body;
    for line in wanted {
        assert!(figures.lines().any(|it| it == *line), "{line} is not among\n{figures}");
    }
}

#[tokio::test]
async fn a_run_is_counted_while_it_is_worked_on_and_when_it_has_ended() {
    let bench = Bench::new([Reply::Waits]);
    bench.begin(0, "Hello").await;
    bench.settle().await;
    let working = ["dormouse_runs_queued_total 1", "dormouse_active_runs 1"];
    figures(&bench, 0, &working).await;
    bench.pass(Duration::from_secs(3)).await;
    bench.provider.say("Hi");
    bench.provider.end();
    bench.settle().await;
    let ended = [
        "dormouse_runs_queued_total 1",
        "dormouse_active_runs 0",
        "dormouse_run_attempts_total{attempt=\"first\"} 1",
        "dormouse_runs_ended_total{state=\"completed\"} 1",
        "dormouse_run_wait_seconds_sum 0.0",
        "dormouse_run_work_seconds_sum 3.0",
        "dormouse_run_work_seconds_count 1",
    ];
    figures(&bench, 0, &ended).await;
    figures(&bench, 1, &["dormouse_runs_queued_total 0", "dormouse_run_wait_seconds_count 0"])
        .await;
}

#[tokio::test]
async fn the_time_in_the_queue_is_counted_by_who_begins() {
    let taking = Bench::set([], &[("DORMOUSE_RUNS", "0")]);
    taking.begin(0, "Hello").await;
    taking.pass(Duration::from_secs(7)).await;
    figures(&taking, 0, &["dormouse_runs_queued_total 1", "dormouse_run_wait_seconds_count 0"])
        .await;
    let working = taking.beside(&[("DORMOUSE_RUNS_POLL", "10s")]);
    // From now on they look for work.
    working.settle().await;
    working.pass(Duration::from_secs(10)).await;
    let begun = "dormouse_run_wait_seconds_sum 17.0";
    let bodies = [working.get(0, "/metrics").await.body, working.get(1, "/metrics").await.body];
    let said = bodies.iter().filter(|body| body.lines().any(|line| line == begun)).count();
    assert_eq!(said, 1, "{}{}", bodies[0], bodies[1]);
}

#[tokio::test]
async fn who_goes_on_with_anothers_run_counts_a_further_attempt() {
    let mut bench = Bench::new([Reply::Waits, Reply::Says("Hi")]);
    bench.begin(0, "Hello").await;
    bench.settle().await;
    bench.kill(0);
    bench.pass(Duration::from_secs(50)).await;
    let went_on = [
        "dormouse_run_attempts_total{attempt=\"further\"} 1",
        "dormouse_runs_ended_total{state=\"completed\"} 1",
        "dormouse_run_wait_seconds_count 0",
    ];
    figures(&bench, 1, &went_on).await;
}

#[tokio::test]
async fn a_run_that_failed_or_was_cancelled_is_counted_as_that() {
    let bench = Bench::new([Reply::Waits]);
    let id = bench.begin(0, "Hello").await;
    bench.settle().await;
    let path = format!("/v1/responses/{id}/cancel");
    // Who ends it counts it, whoever works on it.
    bench.ask(1, (&Method::POST, &path), None).await;
    figures(&bench, 1, &["dormouse_runs_ended_total{state=\"cancelled\"} 1"]).await;
    bench.pass(Duration::from_secs(11)).await;
    figures(&bench, 0, &["dormouse_active_runs 0", "dormouse_run_work_seconds_count 1"]).await;

    let refused = Bench::new([Reply::Status(400)]);
    refused.begin(0, "Hello").await;
    refused.settle().await;
    figures(&refused, 0, &["dormouse_runs_ended_total{state=\"failed\"} 1"]).await;
}
