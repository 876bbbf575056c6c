//! What a request says of earlier responses is looked up, and its answer is kept if it says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use async_stream::try_stream;
use futures::StreamExt;
use serde_json::Value;

use super::{Background, Origin};
use crate::{
    Code, Error, Result,
    chat::{ChunkStream, Event, Part, Request, Whole},
    responses::{self, Kept, Responses},
    wire::openai_responses::{
        AnswerEncoder, Keeping, continued, input_items, passed_response, reference,
    },
};

/// The most responses of which one request may name items.
const MAX_REFERRED: usize = 16;

/// Puts what came before in front of `request`. Returns what keeps its answer, and which messages were put
/// there.
pub(super) async fn recall(
    responses: &Responses,
    tenant: &str,
    request: &mut Request,
    origin: &Origin,
) -> Result<(Option<Keep>, Range<usize>)> {
    let mut put = 0..0;
    let Some(keeping) = Keeping::of(request) else { return Ok((None, put)) };
    let opening = origin.opening.as_ref().filter(|_| keeping.store && responses.keeps());
    let refers = refers(request);
    if opening.is_none() && keeping.previous.is_none() && !refers {
        return Ok((None, put));
    }
    // Made of the request as the caller sent it: the response repeats its fields.
    let background = origin.background.clone();
    let told = background.as_ref().map(|it| it.told.clone()).unwrap_or_default();
    let encoder =
        opening.map(|opening| AnswerEncoder::new(request, opening).showing_all().going_on(told));
    let mut input = input_items(request, origin.opening.as_ref())?;
    let completed = refers && complete(responses, tenant, &mut input).await?;
    if completed || keeping.previous.is_some() {
        let mut items = match &keeping.previous {
            Some(previous) => earlier(responses, tenant, previous).await?,
            None => Vec::new(),
        };
        put = continued(request, items.clone(), completed.then(|| input.clone()))?;
        items.append(&mut input);
        input = items;
    }
    let Some(encoder) = encoder else { return Ok((None, put)) };
    let size: usize = input.iter().map(|item| item.to_string().len()).sum();
    if size > responses::MAX_BYTES {
        return Err(responses::too_large());
    }
    let (responses, tenant) = (responses.clone(), tenant.to_owned());
    Ok((Some(Keep { responses, tenant, encoder, input, background }), put))
}

/// Refuses a request that continues a response and belongs to a conversation: each has its own history.
pub(super) fn refuse_previous(request: &Request) -> Result<()> {
    if Keeping::of(request).is_some_and(|keeping| keeping.previous.is_some()) {
        let why = "a request continues a response or a conversation: leave one of them out";
        return Err(Error::invalid("previous_response_id", why));
    }
    Ok(())
}

async fn earlier(responses: &Responses, tenant: &str, id: &str) -> Result<Vec<Value>> {
    match responses.get(tenant, id).await {
        Ok(kept) => Ok(kept.items()),
        Err(error) if error.code() == Code::NotFound => {
            let id: String = id.chars().take(256).collect();
            let message = format!("Previous response with id '{id}' not found.");
            Err(Error::new(Code::PreviousResponseNotFound, message).at("previous_response_id"))
        }
        Err(error) => Err(error),
    }
}

/// Whether the input only names some of its items.
fn refers(request: &Request) -> bool {
    let mut parts = request.messages.iter().flat_map(|message| &message.parts);
    parts.any(|part| matches!(part, Part::Other { value, .. } if reference(value).is_some()))
}

/// Puts the items that `input` only names in their places, as far as they are items of responses that are
/// kept. Says whether there were any. The others are left to the provider, which may keep some itself.
async fn complete(responses: &Responses, tenant: &str, input: &mut [Value]) -> Result<bool> {
    let named = input.iter().filter_map(reference).filter_map(response_of);
    let named: BTreeSet<String> = named.collect();
    if named.len() > MAX_REFERRED {
        let message = format!("`input` may name items of at most {MAX_REFERRED} responses");
        return Err(Error::invalid("input", message));
    }
    let mut known = BTreeMap::new();
    for id in named {
        match responses.get(tenant, &id).await {
            Ok(kept) => known.extend(kept.items().into_iter().filter_map(with_id)),
            Err(error) if error.code() == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let mut completed = false;
    for item in input {
        if let Some(there) = reference(item).and_then(|id| known.get(id)) {
            *item = there.clone();
            completed = true;
        }
    }
    Ok(completed)
}

/// The response that an item belongs to: the gateway's own ids say it (`msg_7f3a_0` is of `resp_7f3a`).
fn response_of(item: &str) -> Option<String> {
    item.split('_').nth(1).filter(|id| !id.is_empty()).map(|id| format!("resp_{id}"))
}

fn with_id(item: Value) -> Option<(String, Value)> {
    let id = item.get("id")?.as_str().filter(|_| reference(&item).is_none())?;
    Some((id.to_owned(), item))
}

/// Keeps one answer.
#[derive(Debug)]
pub(super) struct Keep {
    responses: Responses,
    tenant: String,
    encoder: AnswerEncoder,
    input: Vec<Value>,
    /// An answer in the background may go on after a failure, and is kept by who still works on it at its end.
    background: Option<Background>,
}

impl Keep {
    /// Watches an answer pass, and keeps it before its end, whether it succeeds or fails.
    pub(super) fn watch(mut self, mut chunks: ChunkStream) -> ChunkStream {
        try_stream! {
            let mut whole = Whole::default();
            let mut passed = None;
            while let Some(chunk) = chunks.next().await {
                let chunk = match chunk {
                    Ok(chunk) => chunk,
                    Err(error) if self.background.is_some() => Err(error)?,
                    Err(error) => {
                        let response = self.encoder.respond_failed(&whole, &error);
                        if let Err(lost) = self.put(response).await {
                            let lost = &lost as &dyn std::error::Error;
                            tracing::error!(error = lost, "a failed response could not be kept");
                        }
                        Err(error)?
                    }
                };
                for event in &chunk.events {
                    whole.push(event.clone())?;
                }
                let last = chunk.events.iter().any(|event| matches!(event, Event::Finish { .. }));
                if let Some(bytes) = chunk.verbatim.as_ref().filter(|_| last) {
                    passed = passed_response(bytes);
                }
                yield chunk;
            }
            let response = passed.unwrap_or_else(|| self.encoder.respond(&whole));
            self.put(response).await?;
        }
        .boxed()
    }

    async fn put(&mut self, response: Value) -> Result<()> {
        let id = response.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let kept = Kept { response, input: std::mem::take(&mut self.input) };
        if let Some(background) = &self.background {
            background.keep(kept);
            return Ok(());
        }
        self.responses.put(&self.tenant, &id, &kept).await
    }
}
