//! Servers that do not come up, or go down.

use std::time::Duration;

use dormouse_core::{
    Code,
    ports::{ModelServers, ServerState},
};
use dormouse_llamacpp::{ModelSpec, Options};
use dormouse_testkit::conformance::{ServerYard, TERMS};

use crate::yard::{Yard, kill, lives, until};

const MODEL: &str = TERMS.models[0];

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_is_told_in_the_servers_own_words() {
    let yard = Yard::new();
    yard.break_down(MODEL);
    let error = yard.supervisor.wake(MODEL, None).await.unwrap_err();
    let (start, words) =
        ("the server of the model `left` failed: exited with status 3: ", "out of luck");
    // The test harness writes to the other stream, and which comes first is chance.
    assert!(error.message().starts_with(start) && error.message().contains(words), "{error}");
    let ServerState::Failed { reason, retry_in } = yard.report(MODEL).await.state else { panic!() };
    assert!(reason.starts_with("exited with status 3: ") && reason.contains(words), "{reason}");
    assert_eq!(retry_in, TERMS.backoff);
    assert_eq!(yard.supervisor.counters()[MODEL].failures, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_exist_is_named_without_its_place() {
    let yard = Yard::with(|options| {
        options.models[0].command[0] = "/opt/nowhere/llama-server".to_owned();
    });
    let error = yard.supervisor.wake(MODEL, None).await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamFailed);
    let (names, places) = ("`llama-server` cannot be started", "/opt/nowhere");
    assert!(error.message().contains(names) && !error.message().contains(places), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_comes_up_is_given_up_and_ended() {
    let yard = Yard::with(|options| options.health_timeout = Duration::from_millis(200));
    yard.set(MODEL, "mute");
    let error = yard.supervisor.wake(MODEL, None).await.unwrap_err();
    assert!(error.message().contains("was not healthy within 200ms"), "{error}");
    assert!(!lives(yard.pids(MODEL)[0]));

    yard.clear(MODEL, "mute");
    yard.pass(TERMS.backoff);
    yard.supervisor.wake(MODEL, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_waking_fails_those_who_wait_at_once() {
    let yard = Yard::new();
    yard.hold(MODEL);
    let wake = yard.supervisor.wake(MODEL, None);
    let (woken, ()) = tokio::join!(wake, async {
        until(async || !yard.pids(MODEL).is_empty()).await;
        kill(yard.pids(MODEL)[0]);
    });
    let error = woken.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamFailed);
    assert!(error.message().contains("SIGKILL"), "{error}");
    assert_eq!(error.delay(), Some(TERMS.backoff));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_server_was_killed_in_mid_answer_the_next_call_works_at_once() {
    let yard = Yard::new();
    let _lease = yard.supervisor.wake(MODEL, None).await.unwrap();
    kill(yard.pids(MODEL)[0]);
    yard.until(MODEL, |it| matches!(it.state, ServerState::Failed { .. })).await;
    yard.supervisor.wake(MODEL, None).await.unwrap();
    assert_eq!(yard.pids(MODEL).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_dying_rests_until_it_has_lived_long_enough() {
    let yard = Yard::new();
    let die = async |times| {
        drop(yard.supervisor.wake(MODEL, None).await.unwrap());
        kill(*yard.pids(MODEL).last().unwrap());
        until(async || yard.supervisor.counters()[MODEL].failures == times).await;
        let ServerState::Failed { retry_in, .. } = yard.report(MODEL).await.state else { panic!() };
        retry_in
    };
    assert_eq!(die(1).await, Duration::ZERO);
    for (times, rest) in [(2, TERMS.backoff), (3, TERMS.backoff * 2), (4, TERMS.backoff * 4)] {
        assert_eq!(die(times).await, rest);
        yard.pass(rest);
    }
    let _lease = yard.supervisor.wake(MODEL, None).await.unwrap();
    yard.pass(TERMS.backoff * 6);
    kill(*yard.pids(MODEL).last().unwrap());
    until(async || yard.supervisor.counters()[MODEL].failures == 5).await;
    let ServerState::Failed { retry_in, .. } = yard.report(MODEL).await.state else { panic!() };
    assert_eq!(retry_in, Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_finds_its_port_taken_gets_another() {
    // Says that its port is taken, the first two times.
    let shell = r#"n=$(cat "$1" 2>/dev/null || echo 0); echo $((n + 1)) > "$1"
        if [ "$n" -lt 2 ]; then echo "bind: Address already in use" >&2; exit 1; fi
        shift; exec "$@""#;
    let yard = Yard::with(|options| {
        let toy = options.models[0].command.clone();
        let attempts = toy[1].replace("TOY_FOLDER=", "") + "/attempts";
        let wrapped = ["/bin/sh", "-c", shell, "picky", &attempts].map(ToOwned::to_owned);
        options.models[0].command = wrapped.into_iter().chain(toy).collect();
    });
    yard.supervisor.wake(MODEL, None).await.unwrap();
    let attempts = std::fs::read_to_string(yard.folder.path().join("attempts")).unwrap();
    assert_eq!(attempts.trim(), "3");
    assert_eq!(yard.supervisor.counters()[MODEL].failures, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_behind_a_broken_model_is_sent_away_and_not_restarted_forever() {
    let yard = Yard::with(|options: &mut Options| options.backoff_initial = Duration::ZERO);
    yard.break_down(MODEL);
    let callers = (0..5).map(|_| yard.supervisor.wake(MODEL, None));
    for woken in futures::future::join_all(callers).await {
        assert_eq!(woken.unwrap_err().code(), Code::UpstreamFailed);
    }
    assert!(yard.pids(MODEL).len() <= 5, "one attempt a call at most");
}

#[test]
fn a_name_of_two_models_is_refused() {
    let spec = ModelSpec::new("twin", vec!["serve".to_owned(), "{port}".to_owned()]);
    let options = Options { models: vec![spec.clone(), spec], ..Options::default() };
    let (host, http) = (crate::machine::Machine::default(), crate::machine::PlainHttp);
    let error = dormouse_llamacpp::Supervisor::new(
        options,
        std::sync::Arc::new(host),
        std::sync::Arc::new(http),
    );
    assert_eq!(error.unwrap_err().code(), Code::InvalidRequest);
}
