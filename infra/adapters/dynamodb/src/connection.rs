//! The client: made with the first request, not before.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{Client, config::Credentials};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use dormouse_core::Result;
use tokio::sync::OnceCell;

use crate::{options::DynamoOptions, table};

/// A client that is made when it is first asked for.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) options: Arc<DynamoOptions>,
    /// How long a call may take, with trying again.
    pub(crate) timeout: Duration,
    /// Instead of those of the environment.
    pub(crate) credentials: Option<Credentials>,
    client: Arc<OnceCell<Client>>,
}

impl Connection {
    pub(crate) fn new(options: DynamoOptions, timeout: Duration) -> Self {
        Self { options: Arc::new(options), timeout, credentials: None, client: Arc::default() }
    }

    /// The client, whose table exists if this is the one to create it.
    pub(crate) async fn client(&self) -> Result<&Client> {
        let make = || async {
            let client = self.make().await;
            if self.options.create {
                table::create(&client, &self.options.table).await?;
            }
            Ok(client)
        };
        self.client.get_or_try_init(make).await
    }

    async fn make(&self) -> Client {
        let tls = Provider::Rustls(CryptoMode::Ring);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(Builder::new().tls_provider(tls).build_https())
            // Only this crate knows what may be tried again.
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    // There must be time left for another attempt.
                    .connect_timeout(self.timeout * 2 / 5)
                    .operation_attempt_timeout(self.timeout / 2)
                    .build(),
            );
        if let Some(region) = &self.options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(credentials) = &self.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        let shared = loader.load().await;
        let mut config = aws_sdk_dynamodb::config::Builder::from(&shared);
        config.set_endpoint_url(
            self.options.endpoint.clone().or(shared.endpoint_url().map(Into::into)),
        );
        Client::from_conf(config.build())
    }
}
