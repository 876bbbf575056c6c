//! [`Records`] on top of the table.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::config::Credentials;
use dormouse_core::{
    Result,
    ports::{Commit, Host, Outcome, Page, Record, Records},
};

use crate::{
    commit::{self, Place},
    connection::Connection,
    failure::Failure,
    item::{self, Item},
    options::DynamoOptions,
    paging,
    patience::Patience,
};

/// Records in one DynamoDB table, which any number of processes may share. Use it in a tokio runtime.
///
/// Credentials are those of the environment: variables, the profile, a web identity, the container or the
/// machine.
pub struct DynamoRecords {
    connection: Connection,
    host: Arc<dyn Host>,
}

impl DynamoRecords {
    /// Records in the table that `options` name. Nothing is looked for before the first request, and no call
    /// takes longer than `timeout`. Records expire by the clock of `host`.
    pub fn new(options: DynamoOptions, timeout: Duration, host: Arc<dyn Host>) -> Self {
        Self { connection: Connection::new(options, timeout), host }
    }

    /// Uses `credentials` instead of those of the environment.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.connection.credentials = Some(credentials);
        self
    }

    async fn place(&self) -> Result<Place<'_>> {
        let client = self.connection.client().await?;
        let Connection { options, timeout, .. } = &self.connection;
        Ok(Place { client, table: &options.table, host: &*self.host, timeout: *timeout })
    }
}

#[async_trait]
impl Records for DynamoRecords {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        Record::validate_name(tenant, collection, id)?;
        let place = self.place().await?;
        match read(place, item::key(tenant, collection, id)).await? {
            Some(item) if item::lives(&item, self.host.now())? => item::record(item).map(Some),
            _ => Ok(None),
        }
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        page.validate(tenant, collection)?;
        paging::page(self.place().await?, item::partition(tenant, collection), &page).await
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome> {
        commit.validate()?;
        commit::apply(self.place().await?, &commit).await
    }
}

/// The item with this key, as it is now.
pub(crate) async fn read(place: Place<'_>, key: Item) -> Result<Option<Item>> {
    let mut patience = place.patience();
    loop {
        let request = place.client.get_item().table_name(place.table).consistent_read(true);
        match request.set_key(Some(key.clone())).send().await.map_err(Failure::from) {
            Ok(found) => return Ok(found.item),
            Err(failure) => again(failure, &mut patience).await?,
        }
    }
}

/// Pauses if a reading request may be made again.
pub(crate) async fn again(failure: Failure, patience: &mut Patience<'_>) -> Result<()> {
    match failure {
        Failure::Busy(error) => patience.pause(error).await,
        Failure::Unknown(error) => patience.pause_unanswered(error).await,
        failure => Err(failure.into_error()),
    }
}

impl fmt::Debug for DynamoRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoRecords")
            .field("options", &self.connection.options)
            .finish_non_exhaustive()
    }
}
