//! The operations whose answer comes whole: there is nothing to deliver, and it is settled when they
//! return.

use tracing::instrument;

use super::{Begun, Gateway, Origin};
use crate::{
    Result,
    accounting::Outcome,
    embeddings::{self, Embeddings},
    keys::Caller,
    moderation::{self, Verdicts},
};

/// An answer that came whole, and is settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered<T> {
    /// The id of its receipt; `None` if no provider was called.
    pub receipt: Option<String>,
    /// The answer.
    pub answer: T,
}

impl<T> Begun<T> {
    /// Books the call of a whole answer, which may turn out not to be what was asked for.
    async fn settle(mut self, verdict: Result<()>) -> Result<Answered<T>> {
        let outcome = if verdict.is_ok() { Outcome::Completed } else { Outcome::Failed };
        self.settlement.end(outcome, verdict.as_ref().err()).await?;
        verdict.map(|()| Answered { receipt: Some(self.receipt), answer: self.answer })
    }
}

impl Gateway {
    /// Makes vectors of texts. The call is settled when this returns; dropping the future cancels the
    /// call and settles it too.
    #[instrument(
        name = "embeddings",
        skip_all,
        fields(gen_ai.operation.name = "embeddings", gen_ai.request.model = request.model)
    )]
    pub async fn embed(
        &self,
        caller: &Caller,
        request: embeddings::Request,
        origin: Origin,
    ) -> Result<Answered<Embeddings>> {
        let mut begun = self.ask(caller, &request, &origin, None).await?;
        let (answer, settlement) = (&mut begun.answer, &mut begun.settlement);
        settlement.counted(*answer.usage.get_or_insert_with(|| settlement.estimate()));
        let fitted = answer.fit(request.dimensions);
        begun.settle(fitted).await
    }

    /// Judges whether something harmful is said: by a provider if
    /// [a setting](crate::settings::Settings::moderation_model) names a model for it, else by the word list of
    /// [`moderation`], which calls nobody.
    #[instrument(name = "moderation", skip_all, fields(gen_ai.operation.name = "moderation"))]
    pub async fn moderate(
        &self,
        caller: &Caller,
        mut request: moderation::Request,
        origin: Origin,
    ) -> Result<Answered<Verdicts>> {
        let usual = self.settings.moderation_model.as_ref();
        if request.model.is_empty() {
            request.model = usual.cloned().unwrap_or_default();
        }
        if usual.is_none() || request.model == moderation::WORD_LIST {
            return Ok(Answered { receipt: None, answer: moderation::judge(&request) });
        }
        self.ask(caller, &request, &origin, None).await?.settle(Ok(())).await
    }
}
