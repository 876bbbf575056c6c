//! A commit, as the script that applies it wants it and answers it.

use std::time::Duration;

use dormouse_core::ports::{
    Commit, Outcome, Refusal, TOKEN_MEMORY, Timestamp, Version, When, Write,
};

use crate::{
    failure::Failure,
    keys::Keys,
    request::{Request, Script},
};

static COMMIT: Script = Script::new(include_str!("commit.lua"));

/// The most expired records that are cleared away for each commit: more than a commit adds.
const SWEEP: u32 = 32;
/// How long the server itself keeps what has expired by the gateways' clocks: longer than these, or those
/// of servers that stand in for each other, ever differ.
const RECORD_GRACE: Duration = Duration::from_secs(24 * 3600);
/// The same for tokens, of which there are many.
const TOKEN_GRACE: Duration = Duration::from_secs(600);

/// The call that applies `commit`.
pub(crate) fn call(commit: &Commit, now: Timestamp) -> Request {
    let keys = Keys::of(&commit.tenant);
    let mut call = Request::script(&COMMIT);
    call.key(keys.last_version()).key(keys.expiries());
    call.number(&now.0).number(&milliseconds(RECORD_GRACE)).number(&SWEEP);
    match &commit.token {
        None => call.arg("").arg(""),
        Some(_) => {
            call.number(&(now + TOKEN_MEMORY).0).number(&milliseconds(TOKEN_MEMORY + TOKEN_GRACE))
        }
    };
    call.number(&commit.writes.len());
    for write in &commit.writes {
        let (collection, id) = write.target();
        call.key(keys.record(collection, id)).key(keys.ids(collection));
        match write {
            Write::Put { value, expires_at, when, .. } => {
                let expiry = expires_at.map_or_else(String::new, |expiry| expiry.0.to_string());
                call.arg("put").arg(id).arg(condition(*when)).arg(expiry).arg(value.as_ref());
            }
            Write::Delete { when, .. } => {
                call.arg("delete").arg(id).arg(condition(*when));
            }
            Write::Add { fields, ceiling, .. } => {
                let (name, most) =
                    ceiling.as_ref().map_or(("", 0), |(name, most)| (name.as_str(), *most));
                call.arg("add").arg(id).arg(name).number(&most).number(&fields.len());
                for (name, amount) in fields {
                    call.arg(name.as_str()).number(amount);
                }
            }
        }
    }
    if let Some(token) = &commit.token {
        call.key(keys.token(token));
    }
    call
}

/// What the script says of a commit.
pub(crate) fn outcome(answer: &[Vec<u8>]) -> Result<Outcome, Failure> {
    let unknown = || Failure::corrupt("the script's answer is not one of its own");
    let words = answer.iter().map(|word| str::from_utf8(word)).collect::<Result<Vec<_>, _>>();
    let words = words.map_err(|_| unknown())?;
    match words.split_first().ok_or_else(unknown)? {
        (&"applied", versions) => versions
            .iter()
            .map(|version| match *version {
                "" => Ok(None),
                version => version.parse().map(|it| Some(Version(it))).map_err(|_| unknown()),
            })
            .collect::<Result<_, _>>()
            .map(Outcome::Applied),
        (&"refused", [write, why]) => {
            let why = if *why == "ceiling" { Refusal::Ceiling } else { Refusal::Condition };
            Ok(Outcome::Refused { write: write.parse().map_err(|_| unknown())?, why })
        }
        _ => Err(unknown()),
    }
}

fn condition(when: When) -> String {
    match when {
        When::Any => String::new(),
        When::Absent => "absent".to_owned(),
        When::Version(version) => version.0.to_string(),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
