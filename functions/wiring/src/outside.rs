//! Whom providers are reached through: the network, or models in this process.

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Result,
    ports::{ByteStream, EmbeddedModel, HttpClient},
    settings::Settings,
};
use http::{Request, Response};

use crate::http_client;

/// The network, and models in this process beside it.
#[derive(Debug)]
pub(crate) struct Outside<H> {
    network: H,
    models: here::Models,
}

/// What `settings` ask for. No model is loaded here.
pub(crate) fn outside(settings: &Settings) -> Outside<impl HttpClient + 'static> {
    Outside { network: http_client(settings), models: here::models(settings) }
}

/// Where the model that is built in is found; `None` if none is.
pub fn built_in_model() -> Option<&'static str> {
    BUILT_IN
}

#[cfg(feature = "nano")]
const BUILT_IN: Option<&str> = Some("embedded:nano");
#[cfg(not(feature = "nano"))]
const BUILT_IN: Option<&str> = None;

#[async_trait]
impl<H: HttpClient> HttpClient for Outside<H> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        match EmbeddedModel::of(request.uri()) {
            Some(_) => self.models.send(request).await,
            None => self.network.send(request).await,
        }
    }
}

#[cfg(feature = "local")]
mod here {
    //! A build with models.

    use dormouse_core::settings::Settings;
    use dormouse_local::Limits;

    pub(super) type Models = dormouse_local::InProcess;

    pub(super) fn models(settings: &Settings) -> Models {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Models::new(Limits {
            threads: count(settings.embedded_threads.unwrap_or_else(crate::cores)),
            context: count(settings.embedded_context),
            at_once: count(settings.embedded_parallel),
            kept_bytes: settings.embedded_cache.0,
        })
    }
}

#[cfg(not(feature = "local"))]
mod here {
    //! A build without models.

    use async_trait::async_trait;
    use bytes::Bytes;
    use dormouse_core::{
        Code, Error, Result,
        ports::{ByteStream, HttpClient},
        settings::Settings,
    };
    use http::{Request, Response};

    #[derive(Debug)]
    pub(super) struct Models;

    pub(super) fn models(_: &Settings) -> Models {
        Models
    }

    #[async_trait]
    impl HttpClient for Models {
        async fn send(&self, _: Request<Bytes>) -> Result<Response<ByteStream>> {
            let message = "this build of the gateway runs no models in process";
            Err(Error::new(Code::UpstreamUnreachable, message))
        }
    }
}
