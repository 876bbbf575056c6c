//! Stage 4: set the most the call can cost aside, before anyone is asked.

mod load;

pub(super) use load::{BYTES_PER_TOKEN, Load};

use std::sync::Arc;

use super::{
    Gateway,
    admit::Slot,
    converse::{Conversing, Heard},
    detached,
    route::Candidate,
    settle::Settlement,
};
use crate::{
    Result,
    accounting::{Draft, Hold, Reserved},
    conversation::busy,
    keys::Caller,
    money::{NanoDollars, Price},
    operation::Operation,
    rates::Limits,
};

/// What is to be set aside, and what the call must keep to.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) operation: Operation,
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
    /// The rate limits of the tenant.
    pub(super) limits: Limits,
    /// How many requests the call counts for: one, unless an earlier call of its request counted.
    pub(super) requests: u32,
    /// How many tokens it is estimated to use.
    pub(super) tokens: u64,
    /// The run that the call is a part of, and its place in it.
    pub(super) run: Option<(String, u32)>,
}

impl Claim {
    /// What a call of `candidate` can cost `caller` at most.
    pub(super) fn new(
        caller: &Caller,
        candidate: &Candidate,
        load: Load,
        correlation_id: Option<String>,
    ) -> Self {
        let load = if candidate.may_ask_again() { load.asked_again(candidate) } else { load };
        let Load { operation, text_bytes, input_tokens, answers, max_output_tokens, .. } = load;
        // What moderates is free wherever it is offered, and no token prices apply to it.
        let price = candidate.price.filter(|_| operation != Operation::Moderation);
        let priced = price.filter(|_| caller.budget.is_some());
        let limit = max_output_tokens.unwrap_or(candidate.max_output_tokens);
        let output_tokens = answers.saturating_mul(limit.into());
        let amount = priced.map(|price| price.at_most(input_tokens, output_tokens));
        let unlimited = answers > 0 && max_output_tokens.is_none();
        Self {
            operation,
            provider: candidate.provider.clone(),
            model: candidate.model.clone(),
            price,
            amount: amount.unwrap_or_default(),
            cap: priced.filter(|_| unlimited).map(|_| limit),
            input_bytes: text_bytes,
            correlation_id,
            limits: Limits::default(),
            requests: 0,
            run: None,
            tokens: text_bytes.div_ceil(BYTES_PER_TOKEN).saturating_add(output_tokens),
        }
    }
}

/// Holds what is claimed, and with it the conversation that the call belongs to. A caller who leaves
/// meanwhile leaves no hold behind.
pub(super) async fn reserve(
    gateway: &Gateway,
    caller: Caller,
    claim: Claim,
    slot: Option<Slot>,
    conversing: Option<Arc<Conversing>>,
) -> Result<Settlement> {
    let this = gateway.clone();
    let work = async move {
        let (hold, conversing) = match conversing {
            None => (hold(&this, &caller, &claim).await?, None),
            Some(conversing) => hold_within(&this, &caller, &claim, conversing).await?,
        };
        Ok(Settlement::new(&this, hold, &claim, slot, conversing.map(Heard::new)))
    };
    detached::run(&*gateway.ports.host, work).await
}

async fn hold(gateway: &Gateway, caller: &Caller, claim: &Claim) -> Result<Hold> {
    let draft = draft(gateway, caller, claim).await?;
    gateway.ledger.hold(caller, draft).await
}

/// Holds what is claimed and claims the conversation in one commit. Where another request has done so, an
/// agent's is answered without its conversation.
async fn hold_within(
    gateway: &Gateway,
    caller: &Caller,
    claim: &Claim,
    conversing: Arc<Conversing>,
) -> Result<(Hold, Option<Arc<Conversing>>)> {
    let draft = draft(gateway, caller, claim).await?;
    let writes = conversing.claim(&draft)?;
    let draft = draft.in_conversation(conversing.id());
    match gateway.ledger.reserve_with(caller, draft, &writes).await? {
        Reserved::Held(hold, versions) => {
            conversing.claimed(&versions);
            Ok((*hold, Some(conversing)))
        }
        Reserved::Refused(_) if conversing.is_optional() => {
            Ok((hold(gateway, caller, claim).await?, None))
        }
        Reserved::Refused(_) => Err(busy()),
    }
}

/// The hold that is to be taken, and with it what the call takes of its rate limits.
async fn draft(gateway: &Gateway, caller: &Caller, claim: &Claim) -> Result<Draft> {
    let Claim { operation, provider, model, amount, limits, requests, tokens, .. } = claim;
    let ledger = &gateway.ledger;
    let taking = ledger.rates().take(caller, *limits, *requests, *tokens).await?;
    let id = claim.correlation_id.clone();
    let draft = ledger.draft(caller, (*operation, provider, model), *amount, id);
    let draft = draft.metered(taking);
    Ok(match &claim.run {
        Some((run, step)) => draft.in_run(run, *step),
        None => draft,
    })
}
