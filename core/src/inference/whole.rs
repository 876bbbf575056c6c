//! Operations whose answer comes whole: vectors, and verdicts on what is harmful.

use bytes::Bytes;

use super::{Deadline, MAX_ANSWER_BYTES, Provider, Unanswered};
use crate::{
    Error, Result,
    chat::Dialect,
    embeddings::{self, Embeddings},
    moderation::{self, Verdicts},
    wire::{self, Call, openai_moderations},
};

impl Provider {
    /// Asks `model` for the vectors of texts. Dropping the future ends the call.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest) if the provider speaks no format that has
    /// embeddings, what it says itself, or what keeps its answer from being one.
    pub async fn embed(
        &self,
        request: &embeddings::Request,
        model: &str,
        deadline: &Deadline,
    ) -> Result<Embeddings, Unanswered> {
        let format = wire::embeds(self.dialect())
            .ok_or_else(|| Unanswered::refused(self.cannot(model, "makes no embeddings")))?;
        let call = format.encode_request(request, model).map_err(Unanswered::refused)?;
        let body = self.whole(call, deadline).await?;
        let answer = format.decode_answer(body, request);
        answer.map_err(|error| Unanswered::broken(self.clean(error)))
    }

    /// Asks `model` whether something harmful is said. Dropping the future ends the call.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest) if the provider is none of OpenAI's kind, what it
    /// says itself, or what keeps its answer from being one.
    pub async fn moderate(
        &self,
        request: &moderation::Request,
        model: &str,
        deadline: &Deadline,
    ) -> Result<Verdicts, Unanswered> {
        if self.dialect() != Dialect::OpenAiChat {
            return Err(Unanswered::refused(self.cannot(model, "moderates nothing")));
        }
        let call =
            openai_moderations::encode_request(request, model).map_err(Unanswered::refused)?;
        let body = self.whole(call, deadline).await?;
        let answer = openai_moderations::decode_answer(body);
        answer.map_err(|error| Unanswered::broken(self.clean(error)))
    }

    /// Makes a call and waits for all of its answer.
    async fn whole(&self, call: Call, deadline: &Deadline) -> Result<Bytes, Unanswered> {
        let format = self.format().map_err(Unanswered::refused)?;
        let request = self.target.post(call, false).map_err(Unanswered::refused)?;
        let patience = self.target.first_byte_timeout;
        let response = self.head(request, format, deadline, patience).await?;
        let body = self.collect(response.into_body(), deadline, MAX_ANSWER_BYTES).await;
        body.map_err(|error| Unanswered::broken(self.clean(error)))
    }

    fn cannot(&self, model: &str, what: &str) -> Error {
        Error::invalid("model", format!("the provider of `{model}` {what}"))
    }
}
