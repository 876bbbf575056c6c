//! One chat completion, whole or as server-sent events.

use std::time::{SystemTime, UNIX_EPOCH};

use async_stream::try_stream;
use dormouse_core::{
    Code, Error, Result,
    chat::{ChunkStream, Usage, Whole},
    ports::ByteStream,
    wire::{Opening, Served, openai_chat::OpenAiChat},
};
use futures::StreamExt;
use http::{Response, StatusCode};

use super::{question::Question, response, telling::Telling, whole};
use crate::engine::{Answer, Engine, Piece};

/// Answers `question`; returns when the prompt was read, so that what is wrong with it has a status.
pub(super) async fn answer(
    engine: &Engine,
    question: Question,
    model: String,
) -> Result<Response<ByteStream>> {
    let task = move |its: &Engine| question.task(its).map(|task| (question, task));
    let (question, task) = engine.compute(task).await??;
    let ends_with = task.text.clone();
    let mut answer = engine.answer(task);
    let usage = match answer.next().await.ok_or_else(broke_off)?? {
        Piece::Begin { input, cached } => {
            Usage { input: input as u64, cached_input: cached as u64, ..Usage::default() }
        }
        Piece::Text { .. } | Piece::End(_) => return Err(broke_off()),
    };
    let telling = Telling::new(&question.request, &ends_with, usage);
    let opening = Opening { id: format!("{:016x}", fastrand::u64(..)), created: now() };
    let chunks = told(answer, telling, model, opening.clone());
    let mut encoder = OpenAiChat.encoder(&question.request, opening);
    if question.request.stream.is_none() {
        let answer = Whole::collect(chunks).await?;
        return Ok(whole(StatusCode::OK, encoder.whole(&answer)));
    }
    let body = try_stream! {
        let mut chunks = chunks;
        while let Some(chunk) = chunks.next().await {
            let bytes = encoder.chunk(&chunk?);
            if !bytes.is_empty() {
                yield bytes;
            }
        }
        yield encoder.done();
    };
    Ok(response(StatusCode::OK, "text/event-stream", body.boxed()))
}

/// The answer as the gateway's events.
fn told(mut answer: Answer, mut telling: Telling, model: String, opening: Opening) -> ChunkStream {
    try_stream! {
        yield telling.begin(&opening.id, &model, opening.created);
        let mut ended = false;
        while let Some(piece) = answer.next().await {
            yield match piece? {
                Piece::Begin { .. } => continue,
                Piece::Text { text, .. } if text.is_empty() => continue,
                Piece::Text { text, .. } => telling.text(text),
                Piece::End(ending) => {
                    ended = true;
                    telling.end(ending)
                }
            };
        }
        if !ended {
            yield telling.cut();
            Err(broke_off())?;
        }
    }
    .boxed()
}

fn broke_off() -> Error {
    Error::new(Code::UpstreamFailed, "the model in process broke off its answer")
}

/// Seconds since the Unix epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
