//! `dormouse ask`: one question through the whole gateway, in this process.

use std::io::Write;

use axum::body::Body;
use dormouse_core::{
    Code, Error, Result,
    agent::Mode,
    chat::{Chunk, Delta, Event},
    gateway::Gateway,
    settings::{Secret, Settings},
    wire::{
        Decode, Verbatim,
        openai_chat::{self, AnswerDecoder},
    },
};
use futures::StreamExt;
use http::{Request, Response, header::AUTHORIZATION};
use serde_json::json;
use tower::ServiceExt;

use crate::{
    discover::{self, choose},
    signals,
};

/// Asks, and prints the answer as it comes.
pub(crate) async fn ask(mut settings: Settings, question: &str) -> Result<()> {
    settings.log = format!("error,{}", if settings.log == "info" { "" } else { &settings.log });
    dormouse_wiring::start_logging(&settings)?;
    if settings.upstream.is_none() && settings.config.is_none() && settings.models.is_none() {
        let line = choose(&mut settings, None).await;
        let line = line.ok_or_else(|| Error::new(Code::UpstreamUnreachable, discover::ADVICE))?;
        if settings.upstream.as_deref() == dormouse_wiring::built_in_model() {
            note(&line)?;
            // What it was made for: to act in words, with the gateway's tools, until it is done.
            settings.emulate_tools = true;
            settings.mode = Mode::Loop;
        }
    }
    // The question goes the way of every other: with a key, a hold and a receipt.
    let key = dormouse_wiring::random_secret();
    settings.api_key = Some(Secret::new(&key));
    let (gateway, machine) = dormouse_wiring::gateway_on_machine(settings)?;
    let answered = tokio::select! {
        answered = ask_model(&gateway, &key, question) => answered,
        () = signals::stop() => Err(Error::new(Code::Stopping, "interrupted")),
    };
    machine.stop().await;
    answered
}

async fn ask_model(gateway: &Gateway, key: &str, question: &str) -> Result<()> {
    let model = model(gateway).await?;
    answer(gateway, key, &model, question).await
}

async fn model(gateway: &Gateway) -> Result<String> {
    if let Some(model) = &gateway.settings().default_model {
        return Ok(model.clone());
    }
    let models = gateway.models().await?;
    let first = models.into_iter().next().map(|model| model.id);
    first
        .ok_or_else(|| Error::new(Code::ModelNotFound, "the upstream has no model: load one first"))
}

async fn answer(gateway: &Gateway, key: &str, model: &str, question: &str) -> Result<()> {
    let body = json!({
        "model": model,
        "stream": true,
        "messages": [{ "role": "user", "content": question }],
    });
    let request = Request::post("/v1/chat/completions")
        .header(AUTHORIZATION, format!("Bearer {key}"))
        .body(Body::from(body.to_string()))
        .map_err(|error| {
            Error::new(Code::Internal, "the question cannot be sent").caused_by(error)
        })?;
    let response = dormouse_http::router(gateway.clone())
        .oneshot(request)
        .await
        .map_err(|never| match never {})?;
    print(response).await
}

async fn print(response: Response<Body>) -> Result<()> {
    let (head, body) = response.into_parts();
    let mut body = body.into_data_stream();
    if !head.status.is_success() {
        let mut error = Vec::new();
        while let Some(Ok(bytes)) = body.next().await {
            error.extend_from_slice(&bytes);
        }
        return Err(openai_chat::decode_error(head.status.as_u16(), None, &error));
    }
    let mut decoder = AnswerDecoder::new(Verbatim { pass: false, hide_usage: false });
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| {
            Error::new(Code::UpstreamFailed, "the answer broke off").caused_by(error)
        })?;
        show(decoder.push(&bytes)?)?;
    }
    show(decoder.finish()?)?;
    write("\n")
}

/// Prints the text among `chunks`.
fn show(chunks: Vec<Chunk>) -> Result<()> {
    for event in chunks.into_iter().flat_map(|chunk| chunk.events) {
        if let Event::PartDelta { delta: Delta::Text(text) | Delta::Refusal(text), .. } = event {
            write(&text)?;
        }
    }
    Ok(())
}

/// Says something that is no part of the answer.
fn note(line: &str) -> Result<()> {
    writeln!(std::io::stderr(), "{line}").map_err(|error| {
        Error::new(Code::Internal, "cannot write to standard error").caused_by(error)
    })
}

fn write(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| {
        Error::new(Code::Internal, "cannot write to standard output").caused_by(error)
    })
}
