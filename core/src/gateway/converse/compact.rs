//! A conversation that has grown long is archived, and another goes on from it: with a summary of its
//! beginning, and its end word for word.
//!
//! The summary is a call like any other, with a hold and a receipt of its own. It claims the conversation, so
//! that of many requests one has it made, and what it wrote becomes the new conversation in the commit that
//! books it.

use std::sync::{Arc, Mutex};

use super::{Conversing, Purpose, room};
use crate::{
    Code, Error, Result,
    chat::{Dialect, Request, Whole},
    conversation::{
        Address, Opened, Policy,
        summary::{self, Parts},
    },
    gateway::{Begun, Gateway, Origin, deliver},
    keys::Caller,
};

/// The most tokens of a summary.
const SUMMARY_TOKENS: u32 = 2048;
/// Of a known window, a summary may fill one of so many parts.
const SUMMARY_SHARE: u64 = 8;
/// Bytes of a conversation that its summariser reads for each token of its window: about half of what fits.
const BYTES_READ: u64 = 2;
/// The same where the window is not known.
const MOST_READ: u64 = 1 << 20;

/// A conversation that was compacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The conversation that goes on from it.
    pub id: String,
    /// The receipt of the summary.
    pub receipt: String,
}

impl Gateway {
    /// Compacts a conversation of `caller`: it is archived, and another goes on from it.
    ///
    /// # Errors
    ///
    /// Those of [`converse`](Self::converse), [`Code::InvalidRequest`] if there is nothing to compact, and
    /// those of the model that is to write the summary.
    pub async fn compact(
        &self,
        caller: &Caller,
        address: &Address,
        origin: Origin,
    ) -> Result<Compacted> {
        let Some(opened) = self.converse(caller, address).await? else {
            return Err(Error::new(Code::NotFound, "this gateway keeps no conversations"));
        };
        let model = opened.session().model.clone();
        let compacted = compact(self, caller, &opened, (&model, false), &origin).await;
        compacted.map_err(|failed| failed.error)
    }
}

/// Whether a conversation is to be compacted before it goes on with a model of this window.
pub(super) fn is_due(opened: &Opened, window: u64) -> bool {
    let Policy { compact_at, .. } = opened.policy();
    let most = window.saturating_mul(u64::from(*compact_at));
    *compact_at > 0 && opened.session().tokens.saturating_mul(100) > most
}

/// Compacts a conversation and opens the one that goes on from it. Where that fails, the request goes on with
/// what its model has room for.
pub(super) async fn before_answer(
    gateway: &Gateway,
    caller: &Caller,
    opened: Opened,
    model: &str,
    origin: &Origin,
) -> Result<Opened> {
    match compact(gateway, caller, &opened, (model, true), origin).await {
        Ok(Compacted { id, .. }) => {
            let policy = opened.policy();
            gateway.conversations.open_own(&caller.tenant, &id, policy).await
        }
        Err(Failed { error, opened }) => match error.code() {
            Code::ConversationBusy | Code::StoreUnavailable | Code::Stopping => Err(error),
            _ => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "a conversation could not be compacted");
                Ok(*opened)
            }
        },
    }
}

/// What became of a conversation that could not be compacted.
struct Failed {
    error: Error,
    opened: Box<Opened>,
}

async fn compact(
    gateway: &Gateway,
    caller: &Caller,
    opened: &Opened,
    (model, goes_on): (&str, bool),
    origin: &Origin,
) -> Result<Compacted, Failed> {
    let failed = |error| Failed { error, opened: Box::new(opened.clone()) };
    let (conversations, tenant) = (&gateway.conversations, &caller.tenant);
    let from = opened.session().shown_from;
    let turns = conversations.turns(tenant, opened, from).await.map_err(failed)?;
    let system = conversations.system(tenant, opened).await.map_err(failed)?;
    let parts = summary::part(turns);
    if parts.head.is_empty() {
        let why = "nothing was said yet that could be summarised";
        return Err(failed(Error::invalid("conversation_id", why)));
    }
    let own = opened.policy().compaction_model.as_deref();
    let origin = Origin {
        correlation_id: origin.correlation_id.clone(),
        route: origin.route.clone().filter(|_| own.is_none()),
        ..Origin::default()
    };
    let mut request = Request {
        dialect: Dialect::OpenAiChat,
        model: own.unwrap_or(model).to_owned(),
        ..Request::default()
    };
    let writer = room::model(gateway, caller, opened, (&request, &origin)).await.map_err(failed)?;
    ask_for(&mut request, &parts, writer.map(|writer| writer.window));
    let conversing = Arc::new(Conversing {
        tenant: tenant.clone(),
        purpose: Purpose::Summary { parts, system, goes_on },
        dialect: request.dialect,
        model: request.model.clone(),
        instructed: false,
        now: conversations.now(),
        earlier: 0..0,
        opened: Mutex::new(opened.clone()),
        successor: Mutex::default(),
    });
    let summarised = summarise(gateway, caller, &request, &origin, Arc::clone(&conversing)).await;
    match (summarised, conversing.successor()) {
        (Ok(receipt), Some(id)) => Ok(Compacted { id, receipt }),
        (summarised, _) => {
            // Whoever changed the conversation meanwhile has it.
            let error = summarised.err().unwrap_or_else(crate::conversation::busy);
            Err(Failed { error, opened: Box::new(conversing.opened().clone()) })
        }
    }
}

/// Has `request` ask for a summary, within the window of its model.
fn ask_for(request: &mut Request, parts: &Parts, window: Option<u64>) {
    let share = window.and_then(|window| u32::try_from(window / SUMMARY_SHARE).ok());
    let most = window.map_or(MOST_READ, |window| window.saturating_mul(BYTES_READ));
    request.messages = summary::question(&parts.head, usize::try_from(most).unwrap_or(usize::MAX));
    request.max_output_tokens = Some(share.unwrap_or(SUMMARY_TOKENS).clamp(1, SUMMARY_TOKENS));
}

/// Asks for the summary and hears it to its end. Returns the call's receipt.
async fn summarise(
    gateway: &Gateway,
    caller: &Caller,
    request: &Request,
    origin: &Origin,
    conversing: Arc<Conversing>,
) -> Result<String> {
    let asked = gateway.ask(caller, request, origin, Some(conversing));
    let Begun { answer, receipt, settlement, deadline, .. } = Box::pin(asked).await?;
    let limits = deliver::Limits { deadline, closing: gateway.closing.clone() };
    let chunks = deliver::deliver(gateway.host(), answer, settlement, limits);
    Whole::collect(chunks).await.map(|_| receipt)
}
