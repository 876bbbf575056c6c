//! Calls to other servers, by reqwest.

use std::{error::Error as _, io, sync::OnceLock, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    ports::{ByteStream, HttpClient},
};
use futures::{StreamExt, TryStreamExt};
use http::{Request, Response};
use reqwest::{Client, Proxy, redirect::Policy};

/// How connections are made.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// How long making one may take.
    pub connect_timeout: Duration,
    /// Whether connections are kept for reuse. Model servers such as llama.cpp close theirs without a
    /// word, and a request that meets such a one fails; it is not for us to send it twice.
    pub keep: bool,
    /// Through which proxy: `http://`, `https://` or `socks5://`. `None`: what `HTTP_PROXY`,
    /// `HTTPS_PROXY` and `NO_PROXY` say.
    pub proxy: Option<String>,
}

/// Calls other servers over HTTP/1.1 and HTTP/2, with rustls.
#[derive(Debug)]
pub struct ReqwestClient {
    options: ClientOptions,
    /// Whether no proxy is used, whatever the environment says.
    direct: bool,
    // Made by the first call: reading the system's certificates takes milliseconds that a cold start
    // without a call need not pay.
    client: OnceLock<Client>,
}

impl ReqwestClient {
    /// A client that connects as `options` say.
    pub fn new(options: ClientOptions) -> Self {
        Self { options, direct: false, client: OnceLock::new() }
    }

    /// A client for servers on this machine: no proxy stands in between, whatever the environment says.
    pub fn direct(connect_timeout: Duration) -> Self {
        let options = ClientOptions { connect_timeout, keep: false, proxy: None };
        Self { options, direct: true, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Fails only if a provider is already installed, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .connect_timeout(self.options.connect_timeout)
            .redirect(Policy::none())
            .tcp_nodelay(true);
        if self.direct {
            builder = builder.no_proxy();
        }
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
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let request = reqwest::Request::try_from(request).map_err(|error| {
            Error::new(Code::Internal, "the upstream's URL cannot be called").caused_by(error)
        })?;
        let response = self.client()?.execute(request).await.map_err(failed)?;
        let (parts, body) = http::Response::from(response).into_parts();
        let bytes = http_body_util::BodyDataStream::new(body).map_err(failed).boxed();
        Ok(Response::from_parts(parts, bytes))
    }
}

fn failed(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let (code, message) = if error.is_connect() {
        (Code::UpstreamUnreachable, unreachable(&error))
    } else if error.is_timeout() {
        (Code::UpstreamTimeout, "the provider did not answer in time")
    } else {
        (Code::UpstreamFailed, "the connection to the provider broke")
    };
    Error::new(code, message).caused_by(error)
}

/// Says what kept the connection from being made, without saying where it was to.
fn unreachable(error: &reqwest::Error) -> &'static str {
    let mut cause = error.source();
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
