//! Creating the table, where the URL of the store says so.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        TableStatus, TimeToLiveSpecification,
    },
};
use dormouse_core::{Error, Result};
use tokio::time::{Instant, sleep};

use crate::{
    failure::unavailable,
    item::{PARTITION, SORT, TTL},
};

/// How long a new table may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before it is looked at again.
const PAUSE: Duration = Duration::from_millis(200);

/// Creates the table, if it is missing, and waits until it is ready.
pub(crate) async fn create(client: &Client, table: &str) -> Result<()> {
    if let Some(status) = status(client, table).await? {
        return if status == TableStatus::Creating { ready(client, table).await } else { Ok(()) };
    }
    let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let bytes = |name| {
        let kind = ScalarAttributeType::B;
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
    };
    let request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(bytes(PARTITION).map_err(misbuilt)?)
        .attribute_definitions(bytes(SORT).map_err(misbuilt)?)
        .key_schema(key(PARTITION, KeyType::Hash).map_err(misbuilt)?)
        .key_schema(key(SORT, KeyType::Range).map_err(misbuilt)?);
    match request.send().await {
        // Another process creates it, and will see to the rest.
        Err(error) if error.code() == Some("ResourceInUseException") => ready(client, table).await,
        Err(error) => Err(failed(error)),
        Ok(_) => {
            ready(client, table).await?;
            let clearing = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL);
            let clearing = clearing.build().map_err(misbuilt)?;
            let request = client.update_time_to_live().table_name(table);
            request.time_to_live_specification(clearing).send().await.map_err(failed)?;
            Ok(())
        }
    }
}

async fn ready(client: &Client, table: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while status(client, table).await? != Some(TableStatus::Active) {
        if Instant::now() >= deadline {
            return Err(unavailable("the store's table is still being created"));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// `None` if there is no such table.
async fn status(client: &Client, table: &str) -> Result<Option<TableStatus>> {
    match client.describe_table().table_name(table).send().await {
        Ok(found) => Ok(found.table.and_then(|table| table.table_status)),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn failed<E, R>(error: SdkError<E, R>) -> Error
where
    SdkError<E, R>: std::error::Error + Send + Sync + 'static,
{
    unavailable("the store's table cannot be created").caused_by(error)
}

fn misbuilt(error: BuildError) -> Error {
    unavailable("the store's table cannot be described").caused_by(error)
}
