//! Connections: opened when calls need them, at most so many, replaced when they fail.

use std::{fmt, time::Duration};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, QueueMode,
    RecyclingMethod,
};
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout_at},
};
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use crate::{address::Address, failure::Failure, schema};

/// The most connections of one gateway.
const CONNECTIONS: usize = 16;

/// How connections behave, whatever the database's own settings: what `schema/1.sql` says of isolation.
const SESSION: &str = "
    SET default_transaction_isolation = 'read committed';
    SET client_min_messages = 'warning'";

pub(crate) struct Link {
    address: Address,
    /// How long a call may take, with opening a connection and trying again.
    timeout: Duration,
    pool: OnceCell<Pool>,
    /// Set when the schema is known to be there.
    migrated: OnceCell<()>,
}

/// Whether a call is made a second time if the connection failed under the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It has the same effect as once.
    Safe,
    /// The first may have been served.
    Unsafe,
}

/// A value of a statement, with its type.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl Link {
    pub(crate) fn new(mut address: Address, timeout: Duration) -> Self {
        // There must be time left to try another connection.
        address.config.connect_timeout(timeout * 2 / 5);
        Self { address, timeout, pool: OnceCell::new(), migrated: OnceCell::new() }
    }

    /// Asks, and again where that is safe.
    pub(crate) async fn ask(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
        repeat: Repeat,
    ) -> Result<Vec<Row>, Failure> {
        let deadline = Instant::now() + self.timeout;
        let mut again = repeat == Repeat::Safe;
        loop {
            let client = timeout_at(deadline, self.client()).await.map_err(Failure::silent)?;
            let client = match client {
                Err(failure) if failure.is_broken() && std::mem::take(&mut again) => continue,
                client => client?,
            };
            let answer = timeout_at(deadline, rows(&client, statement, parameters)).await;
            let failure = match answer {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(failure)) => failure,
                Err(elapsed) => Failure::silent(elapsed),
            };
            if failure.is_broken() {
                // Nobody else shall have it.
                drop(Object::take(client));
            }
            let repeat = failure.is_undone() || failure.is_broken() && std::mem::take(&mut again);
            if !repeat {
                return Err(failure);
            }
        }
    }

    /// A connection to a database with the schema.
    async fn client(&self) -> Result<Object, Failure> {
        let pool = self.pool.get_or_try_init(async || self.pool()).await?;
        let mut client = pool.get().await?;
        self.migrated.get_or_try_init(|| schema::migrate(&mut client)).await?;
        Ok(client)
    }

    fn pool(&self) -> Result<Pool, Failure> {
        // A connection that is known to be closed is not used again, and asking it would take as long as
        // what it is used for.
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager =
            Manager::from_config(self.address.config.clone(), self.address.tls()?, config);
        // A statement has an end of its own, when its caller has left, or is about to.
        let end = self.timeout.as_millis() * 4 / 5;
        let session = format!("{SESSION}; SET statement_timeout = {end}");
        let prepared = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let session = session.clone();
            Box::pin(
                async move { client.batch_execute(&session).await.map_err(HookError::Backend) },
            )
        });
        // The one that was used last: the caches of its process at the server are warm.
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .queue_mode(QueueMode::Lifo)
            .post_create(prepared);
        pool.build().map_err(Failure::unusable)
    }
}

/// One round trip, and another where the connection does not know the statement yet.
async fn rows(
    client: &Object,
    statement: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, Failure> {
    let types: Vec<_> = parameters.iter().map(|(_, of)| of.clone()).collect();
    let prepared = client.prepare_typed_cached(statement, &types).await?;
    let values: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
    Ok(client.query(&prepared, &values).await?)
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
