//! A caller's requests as the gateway books them: the ledger's two commits, and in each what a conversation
//! writes beside it.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use dormouse_core::{
    accounting::{Booked, Ledger, Outcome, Reserved},
    chat::{Dialect, Message, Role, Usage},
    conversation::{Prefix, Session, Turn},
    keys,
    money::NanoDollars,
    operation::Operation,
    ports::{Host, Records, Timestamp, Version, When, Write},
    rates::Limits,
};
use serde_json::json;

pub(crate) type Failure = Box<dyn StdError + Send + Sync>;

/// The collections of a conversation, as `core::conversation` lists them.
pub(crate) const SESSIONS: &str = "conversations";
pub(crate) const TURNS: &str = "conversations.turns";

const DAY: Duration = Duration::from_secs(86_400);
const HOLD: Duration = Duration::from_secs(900);
/// What a question with a kilobyte of context holds and costs, about.
const HELD: NanoDollars = NanoDollars(8_192_000);
const COST: NanoDollars = NanoDollars(431_250);
/// A budget that no measurement uses up.
const BUDGET: NanoDollars = NanoDollars(1_000_000_000_000_000);
const CORRELATION: &str = "0199f3a2-7c41-7d3e-9b52-5f0c8a6e1d24";

/// Who asks, again and again, in a conversation of their own.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) who: keys::Caller,
    pub(crate) conversation: String,
    /// What the session was when it was last written; `None` before the first turn.
    pub(crate) session: Option<Version>,
    pub(crate) turns: u32,
}

impl Caller {
    /// The caller of this number, with a key of their own or with the one that all have.
    pub(crate) fn new(number: usize, own_budget: bool) -> Self {
        let key = if own_budget { number } else { 0 };
        let who = keys::Caller {
            tenant: "a-team-of-some-size".to_owned(),
            key: format!("{key:016x}"),
            budget: Some(BUDGET),
            limits: Limits::default(),
            mode: None,
            tools: None,
            admin: false,
        };
        let conversation = format!("conv_{:012x}{number:020x}", 0x199_f3a2_7c41_u64);
        Self { who, conversation, session: None, turns: 0 }
    }

    /// The condition on which the session is written.
    pub(crate) fn when(&self) -> When {
        self.session.map_or(When::Absent, When::Version)
    }
}

/// One caller's gateway. The ledger is that of all.
#[derive(Debug)]
pub(crate) struct Gateway {
    ledger: Ledger,
    host: Arc<dyn Host>,
    caller: Caller,
    session: Session,
    claimed: Session,
    messages: Vec<Message>,
}

/// The books that the gateways of all callers keep.
pub(crate) fn ledger(records: Arc<dyn Records>, host: &Arc<dyn Host>) -> Ledger {
    Ledger::new(records, Arc::clone(host), HOLD, 90 * DAY)
}

impl Gateway {
    pub(crate) fn new(
        ledger: Ledger,
        host: Arc<dyn Host>,
        caller: Caller,
    ) -> Result<Self, Failure> {
        let messages = vec![
            Message::text(Role::User, "Why do dormice sleep for so long? ".repeat(12)),
            Message::text(
                Role::Assistant,
                "Because there is nothing to eat in winter. ".repeat(14),
            ),
        ];
        let now = host.now();
        // Not all of it is public, but it is read as it is stored.
        let mut stored = json!({
            "title": "Why do dormice sleep for so long?", "created_at": now, "updated_at": now,
            "turns": 1, "messages": 2, "bytes": 1200, "tokens": 540, "source": "reported",
            "model": "gpt-5-mini", "prefix": Prefix::of(&messages), "kept_until": now + 60 * DAY,
        });
        let session = serde_json::from_value(stored.clone())?;
        let claim = json!({ "receipt": "0199f3a27c41-0123456789abcdef0123", "until": now + HOLD });
        if let Some(fields) = stored.as_object_mut() {
            fields.insert("claim".to_owned(), claim);
        }
        let claimed = serde_json::from_value(stored)?;
        Ok(Self { ledger, host, caller, session, claimed, messages })
    }

    /// Reserves and settles one request, as the stages of the gateway do.
    pub(crate) async fn request(&mut self) -> Result<(), Failure> {
        let call = (Operation::Chat, "openai", "gpt-5-mini");
        let correlation = Some(CORRELATION.to_owned());
        let id = self.caller.conversation.as_str();
        let draft = self.ledger.draft(&self.caller.who, call, HELD, correlation);
        let draft = draft.in_conversation(id);
        let expiry = self.host.now() + 30 * DAY;
        let claim = put(id, &mut self.claimed, &self.caller, expiry)?;
        let reserved = self.ledger.reserve_with(&self.caller.who, draft, &[claim]).await?;
        let Reserved::Held(hold, versions) = reserved else {
            return Err("somebody else writes the conversation".into());
        };
        self.caller.session = versions.first().copied().flatten();

        let mut receipt = hold.draft(Outcome::Completed);
        receipt.duration_ms = 1840;
        receipt.usage = Usage { input: 412, output: 128, ..Usage::default() };
        receipt.cost = COST;
        let now = self.host.now();
        let turn = Turn {
            receipt: receipt.id.clone(),
            at: now,
            dialect: Dialect::OpenAiChat,
            system: Vec::new(),
            instructed: false,
            messages: self.messages.clone(),
        };
        let number = self.caller.turns;
        self.caller.turns += 1;
        let id = self.caller.conversation.as_str();
        let session = put(id, &mut self.session, &self.caller, now + 30 * DAY)?;
        let turn = serde_json::to_vec(&turn)?;
        let turn = Write::put_until(TURNS, turn_id(id, number), turn, now + 60 * DAY, When::Absent);
        match self.ledger.settle_with(&hold, &receipt, &[session, turn]).await? {
            Booked::With(versions) => {
                self.caller.session = versions.first().copied().flatten();
                Ok(())
            }
            Booked::Before | Booked::Alone => Err("the turn was not added".into()),
        }
    }
}

pub(crate) fn turn_id(conversation: &str, number: u32) -> String {
    format!("{conversation}/{number:06}")
}

fn put(
    id: &str,
    session: &mut Session,
    caller: &Caller,
    expiry: Timestamp,
) -> Result<Write, Failure> {
    session.turns = caller.turns;
    let value = serde_json::to_vec(session)?;
    Ok(Write::put_until(SESSIONS, id, value, expiry, caller.when()))
}
