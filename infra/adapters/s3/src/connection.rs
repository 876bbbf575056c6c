//! The client: made with the first request, not before.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::{
    Client,
    config::{
        Builder as ConfigBuilder, Credentials, RequestChecksumCalculation,
        ResponseChecksumValidation,
    },
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use dormouse_core::ports::{segment_of_name, segment_of_tenant};
use tokio::sync::OnceCell;

use crate::options::S3Options;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one attempt of one request may take until its answer begins; a part is sent in it.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
/// How often AWS's client makes a request that may be made again.
const ATTEMPTS: u32 = 3;

/// A bucket, and a client that is made when it is first asked for.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) options: S3Options,
    /// Instead of those of the environment.
    pub(crate) credentials: Option<Credentials>,
    client: OnceCell<Client>,
}

impl Connection {
    pub(crate) fn new(options: S3Options) -> Self {
        Self { options, credentials: None, client: OnceCell::new() }
    }

    pub(crate) async fn client(&self) -> &Client {
        self.client.get_or_init(|| self.make()).await
    }

    /// What the keys of a tenant's blobs begin with.
    pub(crate) fn of_tenant(&self, tenant: &str) -> String {
        format!("{}{}/", self.options.prefix, segment_of_tenant(tenant))
    }

    /// The key of a blob.
    pub(crate) fn of_blob(&self, tenant: &str, name: &str) -> String {
        format!("{}{}", self.of_tenant(tenant), segment_of_name(name))
    }

    async fn make(&self) -> Client {
        let tls = Provider::Rustls(CryptoMode::Ring);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(Builder::new().tls_provider(tls).build_https())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts.build());
        if let Some(region) = &self.options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(credentials) = &self.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        let shared = loader.load().await;
        let mut config = ConfigBuilder::from(&shared)
            .force_path_style(self.options.path_style)
            // Signed bodies are checked anyway, and not every server knows trailing checksums.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if let Some(endpoint) = &self.options.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Client::from_conf(config.build())
    }
}

/// For requests that may not be made again when their answer is lost.
pub(crate) fn once() -> ConfigBuilder {
    ConfigBuilder::new().retry_config(RetryConfig::disabled())
}
