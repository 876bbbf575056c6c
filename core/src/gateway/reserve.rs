//! Stage 4: set the most the call can cost aside, before anyone is asked.

use super::{Gateway, admit::Slot, detached, route::Candidate, settle::Settlement};
use crate::{
    Result,
    chat::{Message, Part, Request},
    keys::Caller,
    money::{NanoDollars, Price},
};

/// The most input tokens that one picture stands for.
const TOKENS_PER_IMAGE: u64 = 4096;
/// The most input tokens that a chat template adds to a message.
const TOKENS_PER_TURN: u64 = 64;
/// The most input tokens that a chat template adds to explain how tools are called.
const TOKENS_FOR_TOOLS: u64 = 1024;

/// What is to be set aside, and what the call must keep to.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) provider: String,
    pub(super) model: String,
    /// `None`: the model is free.
    pub(super) price: Option<Price>,
    /// The most that the call can cost.
    pub(super) amount: NanoDollars,
    /// The output limit to enforce upstream, so that the hold covers the answer.
    pub(super) cap: Option<u32>,
    /// Bytes of text that the model will read.
    pub(super) input_bytes: u64,
    /// Ties the receipt to log lines.
    pub(super) correlation_id: Option<String>,
}

impl Claim {
    /// What a call of `candidate` can cost `caller` at most.
    pub(super) fn new(
        caller: &Caller,
        candidate: &Candidate,
        request: &Request,
        correlation_id: Option<String>,
    ) -> Self {
        let input = Input::of(request);
        let priced = candidate.price.filter(|_| caller.budget.is_some());
        let limit = request.max_output_tokens.unwrap_or(candidate.max_output_tokens);
        let amount = priced.map(|price| worst_case(&price, &input, limit, request));
        Self {
            provider: candidate.provider.clone(),
            model: candidate.model.clone(),
            price: candidate.price,
            amount: amount.unwrap_or_default(),
            cap: priced.filter(|_| request.max_output_tokens.is_none()).map(|_| limit),
            input_bytes: input.text_bytes,
            correlation_id,
        }
    }
}

/// Holds what is claimed. A caller who leaves meanwhile leaves no hold behind.
pub(super) async fn reserve(
    gateway: &Gateway,
    caller: Caller,
    claim: Claim,
    slot: Option<Slot>,
) -> Result<Settlement> {
    let this = gateway.clone();
    let work = async move {
        let Claim { provider, model, amount, .. } = &claim;
        let id = claim.correlation_id.clone();
        let hold = this.ledger.reserve(&caller, (provider, model), *amount, id).await?;
        Ok(Settlement::new(&this, hold, &claim, slot))
    };
    detached::run(&*gateway.ports.host, work).await
}

/// No tokenizer makes more tokens than there are bytes, so bytes bound the input from above.
fn worst_case(price: &Price, input: &Input, limit: u32, request: &Request) -> NanoDollars {
    let turns = u64::try_from(request.messages.len()).unwrap_or(u64::MAX);
    let tools = if request.tools.is_empty() { 0 } else { TOKENS_FOR_TOOLS };
    let tokens = input
        .text_bytes
        .saturating_add(input.images.saturating_mul(TOKENS_PER_IMAGE))
        .saturating_add(turns.saturating_mul(TOKENS_PER_TURN))
        .saturating_add(tools);
    // llama.cpp has a second name for `n`.
    let more = request.extensions.0.get("n_cmpl").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let answers = u64::from(request.sampling.n.unwrap_or(1)).max(more).max(1);
    price.at_most(tokens, answers.saturating_mul(limit.into()))
}

/// How much the model has to read.
#[derive(Debug, Default)]
struct Input {
    text_bytes: u64,
    images: u64,
}

impl Input {
    fn of(request: &Request) -> Self {
        let mut input = Self::default();
        let mut picture_bytes = 0;
        for part in request.messages.iter().flat_map(|message: &Message| &message.parts) {
            input.add(part, &mut picture_bytes);
        }
        if let Some(original) = &request.original {
            let whole = u64::try_from(original.body.len()).unwrap_or(u64::MAX);
            input.text_bytes = whole.saturating_sub(picture_bytes);
        } else {
            let tools = serde_json::to_vec(&request.tools).map_or(0, |json| json.len());
            input.text_bytes += u64::try_from(tools).unwrap_or(u64::MAX);
        }
        input
    }

    fn add(&mut self, part: &Part, picture_bytes: &mut u64) {
        let mut text =
            |text: &str| self.text_bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
        match part {
            Part::Text { text: it, .. }
            | Part::Refusal { text: it }
            | Part::Reasoning { text: it, .. } => text(it),
            Part::ToolCall { name, arguments, .. } => {
                text(name);
                text(arguments);
            }
            Part::ToolResult { parts, .. } => {
                for part in parts {
                    self.add(part, picture_bytes);
                }
            }
            Part::Image(image) => {
                self.images += 1;
                *picture_bytes += u64::try_from(image.url.len()).unwrap_or(u64::MAX);
            }
            // A document counts by its bytes, as base64: more than its text has.
            Part::Document(document) => text(&document.url),
            Part::Other { value, .. } => text(&value.to_string()),
        }
    }
}
