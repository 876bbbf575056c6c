//! How many input tokens a request is, in the words of who will answer it.

use std::{sync::atomic::Ordering, time::Duration};

use super::{Deadline, MAX_ERROR_BYTES, Provider, adapt};
use crate::{Code, Result, chat::Request, wire::Outgoing};

/// How long a count may take: nobody waits longer for a number that can be estimated.
const COUNT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a provider that cannot count is not asked again.
const UNCOUNTED_FOR: Duration = Duration::from_secs(600);

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
        if self.now() < self.uncounted_until.load(Ordering::Relaxed) {
            return Ok(None);
        }
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
        let mut lacking = true;
        for call in format.encode_count(&adapted, &outgoing)? {
            let call = self.target.post(call, false)?;
            match self.head(call, format, &deadline, COUNT_TIMEOUT).await {
                Ok(response) => {
                    let body = self.collect(response.into_body(), &deadline, MAX_ERROR_BYTES).await;
                    if let Some(count) = body.ok().and_then(|body| format.decode_count(&body)) {
                        return Ok(Some(count));
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
        if lacking {
            let until = self.now().saturating_add(millis(UNCOUNTED_FOR));
            self.uncounted_until.store(until, Ordering::Relaxed);
        }
        Ok(None)
    }

    /// Milliseconds of the host's clock.
    fn now(&self) -> u64 {
        millis(self.host.elapsed())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
