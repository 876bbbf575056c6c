//! An answer on its way into its conversation.

use std::sync::Arc;

use super::{Conversing, Purpose};
use crate::{
    Code, Error, Result,
    accounting::{self, Booked, Hold, Receipt},
    chat::{Event, Message, Part, Role, Usage, Whole},
    conversation::{Addition, Turn, summary, window::bytes},
    gateway::Gateway,
    ports::{Outcome, Timestamp, Write},
};

/// What was heard of an answer.
#[derive(Debug)]
pub(in crate::gateway) struct Heard {
    conversing: Arc<Conversing>,
    whole: Whole,
}

impl Heard {
    pub(in crate::gateway) fn new(conversing: Arc<Conversing>) -> Self {
        Self { conversing, whole: Whole::default() }
    }

    /// Takes the next event.
    pub(in crate::gateway) fn hear(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::PartStart { .. } | Event::PartDelta { .. } | Event::Finish { .. } => {
                self.whole.push(event.clone())
            }
            _ => Ok(()),
        }
    }

    /// Books the call and, in the same commit, adds the turn, if the answer was heard to its end, or gives the
    /// conversation back. Who leaves after the end has heard the answer; a failed one is not kept, so that the
    /// same can be asked again.
    pub(in crate::gateway) async fn settle(
        mut self,
        gateway: &Gateway,
        hold: &Hold,
        receipt: &Receipt,
    ) -> Result<()> {
        let answer = self.answer().filter(|_| receipt.outcome != accounting::Outcome::Failed);
        let mut lost = None;
        let added = match answer {
            None => None,
            Some(answer) => match self.append(gateway, receipt, answer).await {
                Ok(writes) => Some(writes),
                Err(error) => {
                    lost = Some(error);
                    None
                }
            },
        };
        let (writes, successor, is_added) = match added {
            Some((writes, successor)) => (writes, successor, true),
            None => (self.conversing.opened().release()?, None, false),
        };
        match gateway.ledger().settle_with(hold, receipt, &writes).await? {
            Booked::With(versions) if !is_added => self.conversing.opened().released(&versions),
            Booked::With(_) | Booked::Before => self.conversing.succeeded_by(successor),
            Booked::Alone => {
                let receipt = &receipt.id;
                tracing::warn!(receipt, "an answer is not kept: its conversation was changed");
            }
        }
        lost.map_or(Ok(()), |error| self.not_kept(error))
    }

    /// Adds `said`, what came of a run beyond the question, to the conversation in a commit of its own: its calls
    /// are booked already. `receipt` is the last one, of a call that used `usage`.
    pub(in crate::gateway) async fn keep(
        self,
        gateway: &Gateway,
        said: Vec<Message>,
        (receipt, usage): (String, Usage),
    ) -> Result<()> {
        let (conversing, conversations) = (&self.conversing, &gateway.conversations);
        let (tenant, at) = (&conversing.tenant, conversations.now());
        let Some(addition) = addition(conversing, (receipt, at), said, usage) else {
            return self.release(gateway).await;
        };
        let opened = conversing.opened().clone();
        match conversations.append(tenant, &opened, &addition).await {
            Ok((writes, _)) => {
                if let Outcome::Refused { .. } = conversations.commit(tenant, writes).await? {
                    tracing::warn!("a run is not kept: its conversation was changed");
                }
                Ok(())
            }
            Err(error) => {
                self.conversing.give_back(gateway).await?;
                self.not_kept(error)
            }
        }
    }

    /// Gives the conversation back, with nothing added.
    pub(in crate::gateway) async fn release(self, gateway: &Gateway) -> Result<()> {
        self.conversing.give_back(gateway).await
    }

    /// An answer that cannot be kept is an error to who counts on it.
    fn not_kept(&self, error: Error) -> Result<()> {
        if self.conversing.is_optional() {
            tracing::warn!(error = &error as &dyn std::error::Error, "an answer is not kept");
            return Ok(());
        }
        Err(error)
    }

    /// The first answer, if it is complete.
    fn answer(&mut self) -> Option<Message> {
        let choice = self.whole.choices.remove(&0)?;
        choice.finish_reason?;
        let silent = |part: &Part| matches!(part, Part::Text { text, .. } if text.is_empty());
        let parts = choice.parts.into_iter().filter(|part| !silent(part)).collect();
        Some(Message { parts, ..Message::text(Role::Assistant, "") })
    }

    /// The writes that keep the answer, and the conversation that is made by them.
    async fn append(
        &self,
        gateway: &Gateway,
        receipt: &Receipt,
        answer: Message,
    ) -> Result<(Vec<Write>, Option<String>)> {
        let (conversing, conversations) = (&self.conversing, &gateway.conversations);
        let opened = conversing.opened().clone();
        let (tenant, now) = (&conversing.tenant, conversations.now());
        let call = (receipt.id.clone(), now);
        if let Purpose::Summary { parts, system, goes_on } = &conversing.purpose {
            let text = text(&answer);
            if text.trim().is_empty() {
                return Err(Error::new(Code::UpstreamInvalid, "the model wrote no summary"));
            }
            let replaced = parts.head.iter().map(|turn| bytes(&turn.messages)).sum();
            let first = summary::turn(&text, system.clone(), call);
            let turns: Vec<Turn> = [first].into_iter().chain(parts.tail.clone()).collect();
            let written = (receipt.usage, replaced, *goes_on);
            let (writes, id) = conversations.succeed(tenant, &opened, &turns, written).await?;
            return Ok((writes, Some(id)));
        }
        let Some(addition) = addition(conversing, call, [answer], receipt.usage) else {
            return Ok((Vec::new(), None));
        };
        let (writes, _) = conversations.append(tenant, &opened, &addition).await?;
        Ok((writes, None))
    }
}

/// The turn that a call adds, named by its receipt and made at that time: the question, and what was `said`
/// beyond it. A summary adds none.
fn addition(
    conversing: &Conversing,
    (receipt, at): (String, Timestamp),
    said: impl IntoIterator<Item = Message>,
    usage: Usage,
) -> Option<Addition> {
    let Purpose::Answer { asked, system, shown_from, .. } = &conversing.purpose else {
        return None;
    };
    let turn = Turn {
        receipt,
        at,
        dialect: conversing.dialect,
        system: system.clone(),
        instructed: conversing.instructed,
        messages: asked.iter().cloned().chain(said).collect(),
    };
    Some(Addition { turn, model: conversing.model.clone(), usage, shown_from: *shown_from })
}

fn text(message: &Message) -> String {
    let texts = message.parts.iter().filter_map(|part| match part {
        Part::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}
