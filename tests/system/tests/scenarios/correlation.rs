//! One id through everything.

use reqwest::Method;

use crate::{
    client::{Reply, ask, ask_streamed},
    stage::Stage,
};

const HEADER: &str = "x-correlation-id";

pub(crate) async fn a_correlation_id_comes_back_and_is_written_down(stage: Stage) {
    let gateway = stage.gateway(&[("DORMOUSE_LOG", "info")]).await;
    for (id, body) in [("trace-whole-1", ask("echo")), ("trace-streamed-2", ask_streamed("echo"))] {
        let reply = Reply::of(gateway.chat_request(&body).header(HEADER, id)).await;

        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header(HEADER), id);
        let receipt =
            gateway.get(&format!("/v1/receipts/{}", reply.header("x-dormouse-receipt"))).await;
        assert_eq!(receipt.ok()["correlation_id"], id);
        gateway.printed(id).await;
    }
}

pub(crate) async fn every_answer_has_a_correlation_id(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    let first = gateway.get("/healthz").await;
    let second = Reply::of(gateway.bare(Method::GET, "/v1/nothing")).await;

    assert!(first.header(HEADER).len() >= 16, "{first:?}");
    assert!(second.header(HEADER).len() >= 16, "{second:?}");
    assert_ne!(first.header(HEADER), second.header(HEADER));
}

pub(crate) async fn an_id_that_would_spoil_the_log_is_replaced(stage: Stage) {
    let gateway = stage.gateway(&[]).await;
    for id in ["two words", &"x".repeat(200), "a\tb"] {
        let reply = Reply::of(gateway.bare(Method::GET, "/healthz").header(HEADER, id)).await;
        assert_ne!(reply.header(HEADER), id);
        assert!(!reply.header(HEADER).is_empty());
    }
}
