//! A commit, as the function that applies it wants it and answers it.

use std::time::Duration;

use dormouse_core::ports::{
    Commit, Outcome, Refusal, TOKEN_MEMORY, Timestamp, Version, When, Write,
};
use serde_json::{Map, Value, json};
use tokio_postgres::{Row, types::Type};

use crate::{
    failure::Failure,
    link::{Link, Parameter, Repeat},
    reading::milliseconds,
};

const COMMIT: &str = "
    SELECT refused, why, versions
    FROM dormouse.commit($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8)";

/// The most expired records, and the most old tokens, that are cleared away for each commit: more than a
/// commit adds.
const SWEEP: i32 = 32;
/// How long what has expired stays all the same: longer than clocks of gateways differ.
const GRACE: Duration = Duration::from_secs(3600);

pub(crate) async fn commit(
    link: &Link,
    commit: &Commit,
    now: Timestamp,
) -> Result<Outcome, Failure> {
    let writes = Value::from_iter(commit.writes.iter().map(write)).to_string();
    let contents: Vec<&[u8]> = commit.writes.iter().map(content).collect();
    let grace = i64::try_from(GRACE.as_millis()).unwrap_or(i64::MAX);
    let (token, now, forget_at) =
        (commit.token.as_deref(), milliseconds(now), milliseconds(now + TOKEN_MEMORY));
    let parameters: [Parameter<'_>; 8] = [
        (&commit.tenant, Type::TEXT),
        (&token, Type::TEXT),
        (&now, Type::INT8),
        (&forget_at, Type::INT8),
        (&grace, Type::INT8),
        (&SWEEP, Type::INT4),
        (&writes, Type::TEXT),
        (&contents, Type::BYTEA_ARRAY),
    ];
    let repeat = if token.is_some() { Repeat::Safe } else { Repeat::Unsafe };
    let rows = link.ask(COMMIT, &parameters, repeat).await?;
    let row = rows.first().ok_or_else(|| Failure::unusable("the function has no answer"))?;
    outcome(row)
}

fn outcome(row: &Row) -> Result<Outcome, Failure> {
    if let Some(write) = row.try_get::<_, Option<i32>>("refused")? {
        let write = usize::try_from(write).map_err(Failure::unusable)?;
        let why: &str = row.try_get("why")?;
        let why = if why == "ceiling" { Refusal::Ceiling } else { Refusal::Condition };
        return Ok(Outcome::Refused { write, why });
    }
    let versions: Vec<Option<i64>> = row.try_get("versions")?;
    let version = |version: i64| u64::try_from(version).map(Version).map_err(Failure::unusable);
    let versions = versions.into_iter().map(|given| given.map(version).transpose());
    versions.collect::<Result<_, _>>().map(Outcome::Applied)
}

fn write(write: &Write) -> Value {
    let (collection, id) = write.target();
    let mut fields = Map::new();
    fields.insert("collection".into(), collection.into());
    fields.insert("id".into(), id.into());
    match write {
        Write::Put { expires_at, when, .. } => {
            fields.insert("kind".into(), "put".into());
            fields.insert("when".into(), condition(*when));
            fields.insert("expires_at".into(), expires_at.map(|expiry| expiry.0).into());
        }
        Write::Delete { when, .. } => {
            fields.insert("kind".into(), "delete".into());
            fields.insert("when".into(), condition(*when));
        }
        Write::Add { fields: counters, ceiling, .. } => {
            fields.insert("kind".into(), "add".into());
            fields.insert("fields".into(), json!(counters));
            if let Some((name, most)) = ceiling {
                fields.insert("bound".into(), name.as_str().into());
                fields.insert("most".into(), (*most).into());
            }
        }
    }
    Value::Object(fields)
}

fn content(write: &Write) -> &[u8] {
    match write {
        Write::Put { value, .. } => value,
        Write::Delete { .. } | Write::Add { .. } => &[],
    }
}

fn condition(when: When) -> Value {
    match when {
        When::Any => Value::Null,
        When::Absent => "absent".into(),
        When::Version(version) => version.0.to_string().into(),
    }
}
