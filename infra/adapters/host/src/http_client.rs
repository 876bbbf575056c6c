//! Calls to other servers: plain ones by ourselves, those through TLS or a proxy by reqwest.

mod plain;

use std::{error::Error as StdError, fmt, io, sync::OnceLock, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    ports::{ByteStream, HttpClient},
};
use futures::{StreamExt, TryStreamExt};
use http::{Request, Response, Uri, uri::Scheme};
use hyper_util::client::proxy::matcher::Matcher;
use plain::{Failure, PlainClient};
use reqwest::{Client, ClientBuilder, Proxy, redirect::Policy};

/// How connections are made.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// How long making one may take.
    pub connect_timeout: Duration,
    /// Whether connections through TLS or a proxy are kept for as long as they last. Hosted providers
    /// keep theirs; a proxy in front of a model server may not. Plain ones are kept for a moment.
    pub keep: bool,
    /// Through which proxy: `http://`, `https://` or `socks5://`. `None`: what `HTTP_PROXY`,
    /// `HTTPS_PROXY` and `NO_PROXY` say.
    pub proxy: Option<String>,
}

/// Calls other servers over HTTP/1.1 and HTTP/2, with rustls.
pub struct ReqwestClient {
    options: ClientOptions,
    plain: PlainClient,
    /// Which proxies the environment names.
    proxies: OnceLock<Matcher>,
    // Made by the first call that needs it: reading the system's certificates takes milliseconds.
    client: OnceLock<Client>,
}

impl ReqwestClient {
    /// A client that connects as `options` say.
    pub fn new(options: ClientOptions) -> Self {
        let plain = PlainClient::new(options.connect_timeout);
        Self { options, plain, proxies: OnceLock::new(), client: OnceLock::new() }
    }

    /// Whether neither TLS nor a proxy stands between us and the server.
    fn is_plain(&self, uri: &Uri) -> bool {
        // As reqwest reads the environment.
        uri.scheme() == Some(&Scheme::HTTP)
            && self.options.proxy.is_none()
            && self.proxies.get_or_init(Matcher::from_system).intercept(uri).is_none()
    }

    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let mut builder = trusting()
            .connect_timeout(self.options.connect_timeout)
            .redirect(Policy::none())
            .tcp_nodelay(true);
        if !self.options.keep {
            builder = builder.pool_max_idle_per_host(0);
        }
        if let Some(url) = &self.options.proxy {
            let proxy = Proxy::all(url).map_err(|error| {
                Error::invalid(
                    "DORMOUSE_UPSTREAM_PROXY",
                    "DORMOUSE_UPSTREAM_PROXY is not a proxy URL",
                )
                .caused_by(error)
            })?;
            builder = builder.proxy(proxy);
        }
        let client = builder.build().map_err(|error| {
            Error::new(Code::Internal, "the HTTP client cannot be built").caused_by(error)
        })?;
        Ok(self.client.get_or_init(|| client))
    }

    async fn send_by_reqwest(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let request = reqwest::Request::try_from(request).map_err(|error| {
            Error::new(Code::Internal, "the upstream's URL cannot be called").caused_by(error)
        })?;
        execute(self.client()?, request).await
    }
}

/// A client in the making that trusts whom the system trusts.
pub(crate) fn trusting() -> ClientBuilder {
    // Fails only if a provider is already installed, which is just as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
}

/// Sends a request and returns when the head of the answer is there.
pub(crate) async fn execute(
    client: &Client,
    request: reqwest::Request,
) -> Result<Response<ByteStream>> {
    let response = client.execute(request).await.map_err(failed)?;
    let (parts, body) = http::Response::from(response).into_parts();
    let bytes = http_body_util::BodyDataStream::new(body).map_err(failed).boxed();
    Ok(Response::from_parts(parts, bytes))
}

impl fmt::Debug for ReqwestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestClient").field("options", &self.options).finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        if !self.is_plain(request.uri()) {
            return self.send_by_reqwest(request).await;
        }
        let response = self.plain.send(request).await.map_err(told)?;
        Ok(response.map(|body| body.map_err(told).boxed()))
    }
}

fn told(failure: Failure) -> Error {
    match failure {
        Failure::Unreachable(cause) => {
            let message = unreachable(&*cause);
            Error::new(Code::UpstreamUnreachable, message).caused_by(cause)
        }
        Failure::Broken(cause) => Error::new(Code::UpstreamFailed, BROKE).caused_by(cause),
    }
}

fn failed(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let (code, message) = if error.is_connect() {
        (Code::UpstreamUnreachable, unreachable(&error))
    } else if error.is_timeout() {
        (Code::UpstreamTimeout, "the provider did not answer in time")
    } else {
        (Code::UpstreamFailed, BROKE)
    };
    Error::new(code, message).caused_by(error)
}

const BROKE: &str = "the connection to the provider broke";

/// Says what kept the connection from being made, without saying where it was to.
fn unreachable(error: &(dyn StdError + 'static)) -> &'static str {
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => {
                return "the provider cannot be reached: connection refused";
            }
            Some(io::ErrorKind::TimedOut) => return "the provider cannot be reached: timed out",
            _ => cause = error.source(),
        }
    }
    "the provider cannot be reached"
}
