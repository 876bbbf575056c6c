//! How much is too much.

use futures::{Stream, StreamExt, stream};
use reqwest::{Body, Method};
use serde_json::json;

use crate::{
    client::{Reply, ask},
    stage::Stage,
};

pub(crate) async fn a_body_over_the_limit_is_refused(stage: Stage) {
    let gateway = stage.gateway(&[("DORMOUSE_BODY_LIMIT", "10KB")]).await;
    let with_content = |bytes: usize| {
        let mut body = ask("echo");
        body["messages"][0]["content"] = json!("x".repeat(bytes));
        body
    };

    gateway.chat(&with_content(9_000)).await.ok();
    let reply = gateway.chat(&with_content(11_000)).await;
    assert_eq!(reply.error(413)["code"], "body_too_large");
    assert_eq!(stage.upstream.count("echo"), 1);
}

pub(crate) async fn a_body_without_a_length_is_measured_too(stage: Stage) {
    let gateway = stage.gateway(&[("DORMOUSE_BODY_LIMIT", "10KB")]).await;
    let body = pieces(stream::iter(0..15));

    let request = gateway.request(Method::POST, "/v1/chat/completions").body(body);

    assert_eq!(Reply::of(request).await.error(413)["code"], "body_too_large");
}

/// A body of one kilobyte for each of `numbers`.
pub(crate) fn pieces(numbers: impl Stream<Item = i32> + Send + 'static) -> Body {
    Body::wrap_stream(numbers.map(|_| Ok::<_, std::io::Error>("x".repeat(1_000))))
}
