//! The one record of a run that changes.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{RUNS, pieces};
use crate::{
    Code, Error, Result,
    chat::Dialect,
    ports::{Host, Record, Timestamp, When, Write, hex},
};

/// What every id begins with.
const ID: &str = "run_";
/// Hexadecimal digits of the time, and of what is random.
const TIME: usize = 12;
const RANDOM: usize = 20;
/// The length of an id.
pub(super) const ID_BYTES: usize = ID.len() + TIME + RANDOM;

/// A run, without what was asked and what was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Names it; ids sort by time.
    pub id: String,
    /// How it is doing.
    pub state: State,
    /// The dialect of the request.
    pub dialect: Dialect,
    /// The model that the request names.
    pub model: String,
    /// The id of the key with which it was asked, and with which its calls are paid.
    pub key: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When something last happened.
    pub updated_at: Timestamp,
    /// Until when it is kept.
    pub expires_at: Timestamp,
    /// How often a process began to work on it.
    pub attempts: u32,
    /// How many steps are recorded.
    pub steps: u32,
    /// How many events were told.
    pub events: u64,
    /// How many of them were told when the last step was recorded.
    pub recorded: u64,
    /// How many items of a response were begun in these events.
    pub items: u64,
    /// How many bytes the steps and events have.
    pub bytes: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// Ties log lines and receipts to the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Names the conversation of the request, in the caller's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The host and path by which it came in, where the catalog has a route for these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_by: Option<(String, String)>,
    /// The name of the blob with the files of its workspace, as they were when the last step was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
    /// The length of the request.
    pub(super) body: usize,
    /// Until when the process that works on it is taken to live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) leased_until: Option<Timestamp>,
}

/// How a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for a process.
    Queued,
    /// A process works on it, or died doing so.
    Running,
    /// It is answered.
    Completed,
    /// It is answered by calls of tools that only its caller has.
    HandedBack,
    /// It ended in an error.
    Failed,
    /// Its caller ended it.
    Cancelled,
}

impl State {
    /// Whether nothing more happens.
    pub const fn is_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Its name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::HandedBack => "handed_back",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a run failed, as its caller may know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The code of the error.
    pub code: String,
    /// Its message.
    pub message: String,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self { code: error.code().as_str().to_owned(), message: error.message().to_owned() }
    }
}

/// What a run is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRun {
    /// [A fresh](Run::fresh_id) id.
    pub id: String,
    /// The dialect of the request.
    pub dialect: Dialect,
    /// The model that the request names.
    pub model: String,
    /// The request's body, as it was received.
    pub body: Bytes,
    /// The id of the key with which it is asked.
    pub key: String,
    /// See [`Run::correlation_id`].
    pub correlation_id: Option<String>,
    /// See [`Run::conversation`].
    pub conversation: Option<String>,
    /// See [`Run::came_by`].
    pub came_by: Option<(String, String)>,
}

impl Run {
    /// A new id.
    pub fn fresh_id(host: &dyn Host) -> String {
        let random = hex(host.random().into_iter().take(RANDOM / 2));
        format!("{ID}{:0TIME$x}{random}", host.now().0)
    }

    /// The id without what every id begins with: what is made for the run is named by it.
    pub fn name(&self) -> &str {
        Self::name_of(&self.id)
    }

    /// The same, of the run with this id.
    pub fn name_of(id: &str) -> &str {
        id.strip_prefix(ID).unwrap_or(id)
    }

    /// The id of the response that it answers with.
    pub fn response(&self) -> String {
        format!("resp_{}", self.name())
    }

    /// The id of the run that answers with this response, if one does.
    pub fn of_response(id: &str) -> String {
        format!("{ID}{}", id.strip_prefix("resp_").unwrap_or_default())
    }

    /// Whether nobody works on it, though it is not over.
    pub fn waits(&self, now: Timestamp) -> bool {
        !self.state.is_ended() && self.leased_for(now).is_none()
    }

    pub(super) fn queued(new: &NewRun, now: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            id: new.id.clone(),
            state: State::Queued,
            dialect: new.dialect,
            model: new.model.clone(),
            key: new.key.clone(),
            created_at: now,
            updated_at: now,
            expires_at,
            attempts: 0,
            steps: 0,
            events: 0,
            recorded: 0,
            items: 0,
            bytes: 0,
            error: None,
            correlation_id: new.correlation_id.clone(),
            conversation: new.conversation.clone(),
            came_by: new.came_by.clone(),
            files: None,
            body: new.body.len(),
            leased_until: None,
        }
    }

    /// How much longer the process that works on it is taken to live.
    pub(super) fn leased_for(&self, now: Timestamp) -> Option<Duration> {
        let left = self.leased_until?.0.checked_sub(now.0).filter(|left| *left > 0)?;
        Some(Duration::from_millis(left))
    }

    pub(super) fn lease(&mut self, now: Timestamp, time: Duration) {
        self.updated_at = now;
        self.leased_until = Some(now + time);
    }

    pub(super) fn end(&mut self, state: State, error: Option<Problem>, now: Timestamp) {
        self.updated_at = now;
        self.leased_until = None;
        self.state = state;
        self.error = error;
    }

    /// Counts events that are told now. Returns where they are kept, and their bytes.
    pub(super) fn tell(&mut self, events: &[Bytes]) -> (String, Bytes) {
        let prefix = pieces::event(&self.id, self.events);
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let bytes = Bytes::from(events.concat());
        self.events = self.events.saturating_add(count(events.len()));
        let begun = events.iter().filter(|event| event.starts_with(ITEM_BEGUN)).count();
        self.items = self.items.saturating_add(count(begun));
        self.bytes = self.bytes.saturating_add(count(bytes.len()));
        (prefix, bytes)
    }

    pub(super) fn read(record: &Record) -> Result<Self> {
        serde_json::from_slice(&record.value).map_err(|error| {
            Error::new(Code::Internal, "a stored run cannot be read").caused_by(error)
        })
    }

    pub(super) fn write(&self, when: When) -> Result<Write> {
        let value = serde_json::to_vec(self).map_err(|error| {
            Error::new(Code::Internal, "a run cannot be stored").caused_by(error)
        })?;
        Ok(Write::put_until(RUNS, &self.id, value, self.expires_at, when))
    }
}

/// How the event begins that an item of a response does.
const ITEM_BEGUN: &[u8] = b"event: response.output_item.added\n";

/// Whether `text` has the form of a run's id.
pub(super) fn is_id(text: &str) -> bool {
    text.strip_prefix(ID).is_some_and(|digits| {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        digits.len() == TIME + RANDOM && digits.bytes().all(digit)
    })
}
