//! The keys of a tenant's configuration, and what the levels of the cascade make of them.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value as Json};

use super::value::{AtLeast, Kind, Percent, Value};
use crate::{
    Code, Error, Result,
    agent::Mode,
    near::did_you_mean,
    rates::Limits,
    settings::{Settings, Size},
    tools::Allowed,
};

/// A key of a tenant's configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name: `rate_limit_requests`.
    pub name: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// Whether it is the process's alone: shown, but said by no other level.
    pub read_only: bool,
    /// What it does.
    pub help: &'static str,
}

macro_rules! keys {
    ($($field:ident: $type:ty, read_only: $read_only:literal, $process:expr, $help:literal;)*) => {
        /// What holds for a tenant.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $(#[doc = $help] pub $field: $type,)*
        }

        /// Every key, in the order in which they are shown.
        pub const KEYS: &[Key] = &[$(Key {
            name: stringify!($field),
            kind: <$type as Value>::KIND,
            read_only: $read_only,
            help: $help,
        }),*];

        impl Config {
            /// What the settings of the process say.
            pub fn of_settings(settings: &Settings) -> Self {
                $(let $field: fn(&Settings) -> $type = $process;)*
                Self { $($field: $field(settings),)* }
            }

            /// How the value of `key` is shown.
            pub fn value(&self, key: &Key) -> Json {
                match key.name {
                    $(stringify!($field) => self.$field.show(),)*
                    _ => Json::Null,
                }
            }

            fn set(&mut self, key: &Key, value: &Json) -> Result<(), String> {
                match key.name {
                    $(stringify!($field) => self.$field = Value::read(value)?,)*
                    _ => {}
                }
                Ok(())
            }
        }

        fn check(key: &Key, value: &Json) -> Result<(), String> {
            match key.name {
                $(stringify!($field) => <$type as Value>::read(value).map(drop),)*
                _ => Ok(()),
            }
        }
    };
}

keys! {
    default_model: Option<String>, read_only: false, |settings| settings.default_model.clone(),
        "The model of requests that name none.";
    mode: Mode, read_only: false, |settings| settings.mode,
        "Whose hands act: emulate (calls of tools go to the caller) or loop (the gateway runs its own tools).";
    agent_steps: AtLeast<1>, read_only: false, |settings| AtLeast(settings.agent_steps),
        "How often a run asks its model at most.";
    agent_timeout: Duration, read_only: false, |settings| settings.agent_timeout,
        "The longest a run may take; no longer than the request timeout.";
    max_output_tokens: u32, read_only: false, |settings| settings.max_output_tokens,
        "The output limit of a request that names none, where its model has a price and its key a budget.";
    rate_limit_requests: Option<u32>, read_only: false, |settings| settings.rate_limit_requests,
        "How many requests the tenant may make in a minute.";
    rate_limit_tokens: Option<u32>, read_only: false, |settings| settings.rate_limit_tokens,
        "How many tokens, of input and output together, the tenant may use in a minute.";
    context_window: Option<u32>, read_only: false, |settings| settings.context_window,
        "The context window, in tokens, of models of which the catalog knows none.";
    conversation_ttl: Duration, read_only: false, |settings| settings.conversation_ttl,
        "How long a conversation is kept after its last turn. 0s: none are kept.";
    conversation_messages: AtLeast<2>, read_only: false, |settings| AtLeast(settings.conversation_messages),
        "The most messages of a conversation.";
    conversation_compact_at: Percent, read_only: false, |settings| Percent(settings.conversation_compact_at),
        "Above which share of its model's context window, in percent, a conversation is compacted. 0: only when asked to.";
    compaction_model: Option<String>, read_only: false, |settings| settings.compaction_model.clone(),
        "The model that writes summaries of conversations.";
    tools: Allowed, read_only: false, |settings| settings.tools.clone(),
        "Which tools of the gateway may be used: names with one `*` for any text, or with `!` in front what may not; the last that fits counts.";
    request_timeout: Duration, read_only: true, |settings| settings.request_timeout,
        "The longest a request may run, its answer included.";
    body_limit: Size, read_only: true, |settings| settings.body_limit,
        "The largest request body, in bytes.";
    receipt_retention: Duration, read_only: true, |settings| settings.receipt_retention,
        "How long receipts are kept.";
    responses_retention: Duration, read_only: true, |settings| settings.responses_retention,
        "How long responses are kept that callers may continue by their id.";
}

impl Config {
    /// How much the tenant may use in a minute.
    pub fn limits(&self) -> Limits {
        Limits { requests: self.rate_limit_requests, tokens: self.rate_limit_tokens }
    }
}

impl Key {
    /// The key of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}

/// Which level of the cascade a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The settings of the process.
    Process,
    /// The catalog.
    File,
    /// The store.
    Stored,
}

impl Level {
    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::File => "file",
            Self::Stored => "stored",
        }
    }
}

/// What one level says: values of some keys, each of its key's kind, of none that is read-only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer(BTreeMap<&'static str, Json>);

impl Layer {
    /// Reads what a caller wants to hold.
    ///
    /// # Errors
    ///
    /// [`Code::ReadOnlyKey`] for a key that only the process may say; [`Code::InvalidRequest`] for one that
    /// is not known, and for a value of the wrong kind. Each names the key.
    pub fn read(object: &Map<String, Json>) -> Result<Self> {
        let mut layer = Self::default();
        for (name, value) in object {
            let Some(key) = Key::named(name) else {
                let near = did_you_mean(name, KEYS.iter().map(|key| key.name));
                let shown: String = name.chars().take(64).collect();
                let message = format!("there is no key `{shown}`{near}");
                return Err(Error::invalid(shown, message));
            };
            if key.read_only {
                let message =
                    format!("`{name}` is read-only: only the settings of the process say it");
                return Err(Error::new(Code::ReadOnlyKey, message).at(name));
            }
            layer
                .set(key, value.clone())
                .map_err(|why| Error::invalid(name, format!("`{name}` {why}")))?;
        }
        Ok(layer)
    }

    /// Reads what was stored. What this version of the gateway does not know, or does not take any more, is
    /// left out.
    pub(super) fn stored(bytes: &[u8]) -> Result<Self> {
        let object: Map<String, Json> = serde_json::from_slice(bytes).map_err(unreadable)?;
        let mut layer = Self::default();
        for (name, value) in object {
            let key = Key::named(&name).filter(|key| !key.read_only);
            if key.is_none_or(|key| layer.set(key, value).is_err()) {
                tracing::warn!(key = name, "a stored key of a tenant's configuration is left out");
            }
        }
        Ok(layer)
    }

    pub(super) fn json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(&self.0).map_err(unreadable)
    }

    /// Says a value of a key; an error completes the sentence that begins with the key's name.
    pub(crate) fn set(&mut self, key: &Key, value: Json) -> Result<(), String> {
        check(key, &value)?;
        if let Some(key) = Key::named(key.name) {
            self.0.insert(key.name, value);
        }
        Ok(())
    }

    /// What it says of the key of this name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }
}

/// What holds for a tenant, and which level says so.
#[derive(Clone, Debug)]
pub struct Effective {
    /// What holds.
    pub config: Config,
    /// The keys that a level above the process says.
    said: BTreeMap<&'static str, Level>,
}

impl Effective {
    /// What holds where only the process says something.
    pub fn of(process: Config) -> Self {
        Self { config: process, said: BTreeMap::new() }
    }

    /// Which level says the value of `key`.
    pub fn level(&self, key: &Key) -> Level {
        self.said.get(key.name).copied().unwrap_or(Level::Process)
    }

    /// Lays the next level over those below.
    pub(super) fn lay(&mut self, level: Level, layer: &Layer) {
        for (name, value) in &layer.0 {
            // A layer holds nothing that its keys do not take.
            if let Some(key) = Key::named(name)
                && self.config.set(key, value).is_ok()
            {
                self.said.insert(key.name, level);
            }
        }
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::Internal, "a stored configuration cannot be read").caused_by(error)
}
