//! The adapter's function in the database, called by a prepared statement. There are as many connections as
//! the adapter has, without a pool: each caller has its own as long as there are enough, and shares one then.

use std::fmt::Write as _;

use async_trait::async_trait;
use dormouse_core::ports::{Commit, Version, When, Write};
use tokio_postgres::{Client as Connection, NoTls, Statement, types::Type};

use super::Client;
use crate::gateway::Failure;

const COMMIT: &str = "
    SELECT refused, why, versions
    FROM dormouse.commit($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8)";
const CONNECTIONS: usize = 16;
/// How long what has expired stays, in milliseconds, as the adapter says.
const GRACE: i64 = 3600 * 1000;
const SWEEP: i32 = 32;

pub(crate) struct Postgres {
    connections: Vec<(Connection, Statement)>,
}

impl Postgres {
    /// Connects to a database that has the schema.
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        let (text, number) = (Type::TEXT, Type::INT8);
        let types = [
            text.clone(),
            text.clone(),
            number.clone(),
            number.clone(),
            number,
            Type::INT4,
            text,
            Type::BYTEA_ARRAY,
        ];
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            // It ends with its client; what breaks it fails the client's calls.
            tokio::spawn(connection);
            let statement = client.prepare_typed(COMMIT, &types).await?;
            connections.push((client, statement));
        }
        Ok(Self { connections })
    }

    /// Forgets everything.
    pub(crate) async fn clear(&self) -> Result<(), Failure> {
        let (client, _) = self.connections.first().ok_or("no connection")?;
        Ok(client.batch_execute("TRUNCATE dormouse.records, dormouse.tokens").await?)
    }
}

#[async_trait]
impl Client for Postgres {
    async fn commit(
        &self,
        number: usize,
        commit: &Commit,
    ) -> Result<Vec<Option<Version>>, Failure> {
        let connection = self.connections.get(number % CONNECTIONS);
        let (client, statement) = connection.ok_or("no connection")?;
        let writes = writes(commit)?;
        let contents: Vec<&[u8]> = commit.writes.iter().map(content).collect();
        let now = i64::try_from(super::now())?;
        let row = client
            .query_one(
                statement,
                &[&commit.tenant, &None::<&str>, &now, &now, &GRACE, &SWEEP, &writes, &contents],
            )
            .await?;
        if let Some(write) = row.try_get::<_, Option<i32>>("refused")? {
            return Err(format!("write {write} was refused").into());
        }
        let versions: Vec<Option<i64>> = row.try_get("versions")?;
        let version = |given: i64| u64::try_from(given).map(Version);
        Ok(versions
            .into_iter()
            .map(|given| given.map(version).transpose())
            .collect::<Result<_, _>>()?)
    }
}

/// The writes as JSON. No name in a measurement needs an escape.
fn writes(commit: &Commit) -> Result<String, Failure> {
    let mut json = String::with_capacity(1024);
    for write in &commit.writes {
        let (collection, id) = write.target();
        json.push(if json.is_empty() { '[' } else { ',' });
        write!(json, r#"{{"collection":"{collection}","id":"{id}","#)?;
        match write {
            Write::Put { expires_at, when, .. } => {
                condition(&mut json, "put", *when)?;
                if let Some(expiry) = expires_at {
                    write!(json, r#","expires_at":{}"#, expiry.0)?;
                }
            }
            Write::Delete { when, .. } => condition(&mut json, "delete", *when)?,
            Write::Add { fields, ceiling, .. } => {
                json.push_str(r#""kind":"add","fields":{"#);
                for (place, (name, amount)) in fields.iter().enumerate() {
                    let comma = if place > 0 { "," } else { "" };
                    write!(json, r#"{comma}"{name}":{amount}"#)?;
                }
                json.push('}');
                if let Some((name, most)) = ceiling {
                    write!(json, r#","bound":"{name}","most":{most}"#)?;
                }
            }
        }
        json.push('}');
    }
    json.push(']');
    Ok(json)
}

fn condition(json: &mut String, kind: &str, when: When) -> Result<(), Failure> {
    write!(json, r#""kind":"{kind}""#)?;
    match when {
        When::Any => {}
        When::Absent => json.push_str(r#","when":"absent""#),
        When::Version(version) => write!(json, r#","when":"{}""#, version.0)?,
    }
    Ok(())
}

fn content(write: &Write) -> &[u8] {
    match write {
        Write::Put { value, .. } => value,
        Write::Delete { .. } | Write::Add { .. } => &[],
    }
}
