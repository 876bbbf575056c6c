//! How many input tokens a request is, in the words of who will answer it.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;

use super::{Deadline, MAX_ANSWER_BYTES, MAX_ERROR_BYTES, Provider, adapt};
use crate::{
    Code, Result,
    chat::{Dialect, Request},
    wire::{Call, Called, Outgoing, openai_chat},
};

/// How long a count may take: nobody waits longer for a number that can be estimated.
const COUNT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a provider that cannot count is not asked again.
const UNCOUNTED_FOR: Duration = Duration::from_secs(600);

/// What is known of how a provider counts tokens.
#[derive(Debug, Default)]
pub(super) struct Counting {
    /// Until when it is known to have no call that counts, in milliseconds of the host's clock.
    lacking_until: AtomicU64,
    /// Whether it is known to show no prompts either, whose tokens could be counted here.
    hides_prompts: AtomicBool,
}

impl Provider {
    /// How many input tokens `request` is for `model`. `None`: the provider does not tell, or not in time.
    ///
    /// A provider without such a call is left in peace for ten minutes.
    ///
    /// # Errors
    ///
    /// The provider's own refusal of the request, where its dialect has the call;
    /// [`Code::InvalidRequest`] if the dialect cannot say what the request says.
    pub async fn count_input(&self, request: &Request, model: &str) -> Result<Option<u64>> {
        let deadline = Deadline::after(self.host.clone(), COUNT_TIMEOUT);
        let outgoing = Outgoing {
            model,
            max_output_tokens: None,
            max_tokens_field: self.target.max_tokens_field(),
            openai: self.target.is_openai(),
            stream: false,
            slot: None,
        };
        let format = self.format()?;
        let adapted = adapt::request(request, self.dialect(), format);
        if self.now() >= self.counting.lacking_until.load(Ordering::Relaxed) {
            let calls = format.encode_count(&adapted, &outgoing)?;
            let (count, lacking) = self.ask_for_count(request, format, calls, &deadline).await?;
            if count.is_some() || !lacking {
                return Ok(count);
            }
            let until = self.now().saturating_add(millis(UNCOUNTED_FOR));
            self.counting.lacking_until.store(until, Ordering::Relaxed);
            self.counting.hides_prompts.store(false, Ordering::Relaxed);
        } else if self.counting.hides_prompts.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let template = match self.dialect() {
            Dialect::OpenAiChat => openai_chat::encode_template(&adapted, &outgoing)?,
            _ => None,
        };
        let Some(call) = template else { return Ok(None) };
        let count = self.count_prompt(call, format, &deadline).await;
        self.counting.hides_prompts.store(count.is_none(), Ordering::Relaxed);
        Ok(count)
    }

    /// Makes the calls until one tells. Says, too, whether there is none that could.
    async fn ask_for_count(
        &self,
        request: &Request,
        format: &dyn Called,
        calls: Vec<Call>,
        deadline: &Deadline,
    ) -> Result<(Option<u64>, bool)> {
        let mut lacking = true;
        for call in calls {
            let call = self.target.post(call, false)?;
            match self.head(call, format, deadline, COUNT_TIMEOUT).await {
                Ok(response) => {
                    let body = self.collect(response.into_body(), deadline, MAX_ERROR_BYTES).await;
                    let count = body.ok().and_then(|body| format.decode_count(&body));
                    if count.is_some() {
                        return Ok((count, false));
                    }
                }
                Err(unanswered) => match unanswered.error.code() {
                    Code::UpstreamRejected if self.dialect() == request.dialect => {
                        return Err(unanswered.error);
                    }
                    // 404, 405 or 501: there is no such call.
                    Code::UpstreamNotFound | Code::UpstreamFailed => {}
                    _ => lacking = false,
                },
            }
        }
        Ok((None, lacking))
    }

    /// Counts the tokens of the prompt that a call shows. `None`: it is not shown.
    async fn count_prompt(
        &self,
        call: Call,
        format: &dyn Called,
        deadline: &Deadline,
    ) -> Option<u64> {
        let prompt = self.shown(call, format, deadline).await?;
        let call = openai_chat::encode_tokens(&prompt).ok().flatten()?;
        openai_chat::decode_tokens(&self.shown(call, format, deadline).await?)
    }

    async fn shown(&self, call: Call, format: &dyn Called, deadline: &Deadline) -> Option<Bytes> {
        let call = self.target.post(call, false).ok()?;
        let response = match self.head(call, format, deadline, COUNT_TIMEOUT).await {
            Ok(response) => response,
            Err(unanswered) => {
                let error = &unanswered.error as &dyn std::error::Error;
                tracing::debug!(error, "the provider shows no prompts");
                return None;
            }
        };
        self.collect(response.into_body(), deadline, MAX_ANSWER_BYTES).await.ok()
    }

    /// Milliseconds of the host's clock.
    fn now(&self) -> u64 {
        millis(self.host.elapsed())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
