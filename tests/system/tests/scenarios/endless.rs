//! Bodies without an end. Lambda's front collects bodies itself, so no function ever meets one.

use futures::stream;
use reqwest::Method;

use crate::{
    limits::pieces,
    stage::{Stage, within},
};

pub(crate) async fn an_endless_body_is_cut_off(stage: Stage) {
    let gateway = stage.gateway(&[("DORMOUSE_BODY_LIMIT", "10KB")]).await;
    let body = pieces(stream::repeat(0));

    let sending = gateway.request(Method::POST, "/v1/chat/completions").body(body).send();

    // Whoever still talks when the connection is closed may not get to hear why.
    if let Ok(response) = within("an end", sending).await {
        assert_eq!(response.status(), 413);
    }
}
