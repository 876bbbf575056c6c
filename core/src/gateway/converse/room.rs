//! How much of its conversation a request is shown: as much as its model has room for.

use crate::{
    Result,
    chat::{Message, Request, Source},
    conversation::{
        Opened,
        window::{Room, estimate},
    },
    gateway::{
        Gateway, Origin,
        route::{self, Candidate},
    },
    keys::Caller,
};

/// Of a window that may become too small, which share in percent is left to estimates; beyond it, whoever can
/// count is asked.
const UNCOUNTED: u64 = 75;
/// The share of a window that is kept free for an answer without a limit: one of so many parts.
const ANSWER_SHARE: u64 = 4;

/// The model that is to answer, as far as its room goes.
#[derive(Debug)]
pub(super) struct Model {
    candidate: Candidate,
    pub(super) window: u64,
}

/// Who would be asked first. `None`: its context window is not known.
pub(super) async fn model(
    gateway: &Gateway,
    caller: &Caller,
    opened: &Opened,
    (request, origin): (&Request, &Origin),
) -> Result<Option<Model>> {
    let effective = gateway.tenants.of(&caller.tenant).await?;
    let route = route::route(gateway, request, origin, &effective.config).await?;
    let Some(candidate) = route.first() else { return Ok(None) };
    let window = candidate.context_window.or(opened.policy().context_window);
    Ok(window.map(|window| Model { candidate: candidate.clone(), window: window.into() }))
}

impl Model {
    /// How much `request`, with all that is shown of its conversation in it, wants and may have; `asked` is
    /// what is new in it.
    ///
    /// What was shown the last time is as much as the provider reported then. Where that, with an estimate of
    /// what is new, comes near the window, a provider that can count is asked.
    pub(super) async fn room(
        &self,
        gateway: &Gateway,
        opened: &Opened,
        request: &Request,
        asked: &[Message],
    ) -> Room {
        let new = estimate(asked);
        let session = opened.session();
        let most = request.max_output_tokens.unwrap_or(self.candidate.max_output_tokens);
        let answer = u64::from(most).min(self.window / ANSWER_SHARE);
        let wanted = session.tokens.saturating_add(new);
        let room = Room { wanted, new, source: session.source, answer, window: self.window };
        if wanted.saturating_add(answer) * 100 <= self.window.saturating_mul(UNCOUNTED) {
            return room;
        }
        let counted =
            gateway.ask_for_count(&self.candidate, request).await.unwrap_or_else(|error| {
                // It may be too long for that already.
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the tokens are estimated"
                );
                None
            });
        counted.map_or(room, |wanted| Room { wanted, source: Source::Counted, ..room })
    }
}
