//! How many requests run at once. A process counts its own, so this is for hosts on which one process
//! serves many.

use dormouse_testkit::upstream::{Answer, Gate};

use crate::{
    client::{ask, ask_streamed},
    sse::text_of,
    stage::{Stage, UNHURRIED, within},
};

pub(crate) async fn when_all_workers_are_busy_the_next_is_told_at_once(stage: Stage) {
    let gate = Gate::closed();
    stage.upstream.always("slow", Answer::text(&["one ", "two"]).gated(3, &gate));
    let gateway = stage.gateway(&[("DORMOUSE_WORKERS", "2"), UNHURRIED]).await;

    let mut first = gateway.stream(&ask_streamed("slow")).await;
    let mut second = gateway.stream(&ask_streamed("slow")).await;
    assert_eq!(first.text().await, "one ");
    assert_eq!(second.text().await, "one ");

    for body in [ask("echo"), ask_streamed("echo")] {
        let reply = gateway.chat(&body).await;
        assert_eq!(reply.error(429)["code"], "busy");
        assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    }
    assert_eq!(stage.upstream.count("echo"), 0);

    gate.open();
    assert_eq!(text_of(&first.rest().await), "two");
    gateway.chat(&ask("echo")).await.ok();
    assert_eq!(text_of(&second.rest().await), "two");
}

pub(crate) async fn a_client_that_leaves_frees_its_worker(stage: Stage) {
    stage.upstream.always("silent", Answer::silence());
    let gateway = stage.gateway(&[("DORMOUSE_WORKERS", "1")]).await;

    let asking = tokio::spawn(gateway.chat_request(&ask("silent")).send());
    let asked = within("the request", stage.upstream.asked("silent")).await;
    gateway.chat(&ask("echo")).await.error(429);
    asking.abort();
    within("the upstream connection to be closed", asked.closed()).await;

    // The connection ends a moment before its worker is free.
    let answer = within("a free worker", async {
        loop {
            let reply = gateway.chat(&ask("echo")).await;
            if reply.status != 429 {
                return reply;
            }
        }
    });
    answer.await.ok();
}
