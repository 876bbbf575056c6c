//! Asks a server whether it is ready, how far it is until then, and for how many.

use std::time::Duration;

use bytes::Bytes;
use dormouse_core::ports::{ByteStream, HttpClient};
use futures::StreamExt;
use http::{Request, StatusCode};
use serde_json::Value;
use tokio::time::{sleep, timeout};

/// One question may take so long: a loading server may accept a connection and say nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause between two questions starts short, for small models, and grows.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// What is read of an answer. llama-server's `/props` holds the chat template.
const MAX_BYTES: usize = 1 << 20;

/// A server on this machine.
#[derive(Debug)]
pub(crate) struct Health<'a> {
    pub(crate) http: &'a dyn HttpClient,
    /// Its base URL, without a path.
    pub(crate) url: &'a str,
}

impl Health<'_> {
    /// Returns when the server answers `GET /health` with 200, or `GET /v1/models` if it does not know
    /// the former. llama-server answers 503 while it loads the model. Until then, `tell` is told how far
    /// the server says it is: 0 to 1.
    pub(crate) async fn arrive(&self, tell: impl Fn(f32)) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.health().await {
                Some((StatusCode::OK, _)) => return,
                Some((_, body)) => {
                    if let Some(progress) = body.as_ref().and_then(progress) {
                        tell(progress);
                    }
                }
                None => {}
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    async fn health(&self) -> Option<(StatusCode, Option<Value>)> {
        let (status, body) = self.answer("/health").await?;
        match status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                self.answer("/v1/models").await
            }
            _ => Some((status, body)),
        }
    }

    /// How many numbered slots the server has: what llama-server says in `/props`, or else the length
    /// of its `/slots`. `None`: it does not say.
    pub(crate) async fn slots(&self) -> Option<u32> {
        let props = self.json("/props").await;
        let told = props.as_ref().and_then(|it| it.get("total_slots")).and_then(Value::as_u64);
        let slots = match told {
            Some(slots) => slots,
            None => u64::try_from(self.json("/slots").await?.as_array()?.len()).ok()?,
        };
        u32::try_from(slots).ok().filter(|slots| *slots > 0)
    }

    async fn json(&self, path: &str) -> Option<Value> {
        self.answer(path).await.and_then(|(status, body)| body.filter(|_| status == StatusCode::OK))
    }

    /// The status of an answer, and its body if that is JSON of a sensible length. `None`: there is
    /// nobody yet, or nobody listens.
    async fn answer(&self, path: &str) -> Option<(StatusCode, Option<Value>)> {
        let answer = self.http.send(self.question(path)?);
        let answer = timeout(PATIENCE, answer).await.ok()?.ok()?;
        let status = answer.status();
        // The status counts, even if the body never ends.
        let body = timeout(PATIENCE, read(answer.into_body())).await;
        Some((status, body.ok().flatten()))
    }

    fn question(&self, path: &str) -> Option<Request<Bytes>> {
        Request::get(format!("{}{path}", self.url)).body(Bytes::new()).ok()
    }
}

async fn read(mut body: ByteStream) -> Option<Value> {
    let mut read = Vec::new();
    while let Some(bytes) = body.next().await {
        read.extend_from_slice(&bytes.ok()?);
        if read.len() > MAX_BYTES {
            return None;
        }
    }
    serde_json::from_slice(&read).ok()
}

/// What a loading server says of its progress: `progress`, in the body or in its `error`, as a share or
/// in the words of llama.cpp's router (`{"stages": ["text_model", "mmproj_model"], "current":
/// "text_model", "value": 0.5}`, its stages taken for equally long).
fn progress(body: &Value) -> Option<f32> {
    let progress = body.get("progress").or_else(|| body.pointer("/error/progress"))?;
    let value = progress.get("value").unwrap_or(progress).as_f64()?;
    let stages = progress.get("stages").and_then(Value::as_array);
    let share = match (stages, progress.get("current")) {
        (Some(stages), Some(current)) => {
            let at = stages.iter().position(|stage| stage == current)?;
            let (at, all) = (u32::try_from(at).ok()?, u32::try_from(stages.len()).ok()?);
            (f64::from(at) + value.clamp(0.0, 1.0)) / f64::from(all)
        }
        _ => value,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a share needs few digits")]
    Some(share.clamp(0.0, 1.0) as f32)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_tells_how_far_it_is_in_one_of_two_ways() {
        let stages = json!(["text_model", "mmproj_model"]);
        for (body, expected) in [
            (json!({ "progress": 0.25 }), Some(0.25)),
            (json!({ "progress": 7 }), Some(1.0)),
            (json!({ "error": { "message": "Loading model", "progress": 0.5 } }), Some(0.5)),
            (
                json!({ "progress": { "stages": stages, "current": "mmproj_model", "value": 0.5 } }),
                Some(0.75),
            ),
            (json!({ "progress": { "stages": stages, "current": "other", "value": 0.5 } }), None),
            (json!({ "error": { "message": "Loading model" } }), None),
            (json!({ "progress": "a bit" }), None),
            (json!([]), None),
        ] {
            assert_eq!(progress(&body), expected, "{body}");
        }
    }
}
