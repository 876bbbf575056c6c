//! Calls to addresses that a stranger chose: only to those of the public internet.

use std::{
    error::Error as StdError,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    ports::{ByteStream, HttpClient},
    tools::is_public,
};
use futures::future::BoxFuture;
use http::{Request, Response};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

use crate::http_client::{execute, trusting};

/// Calls other servers over HTTP/1.1 and HTTP/2, with rustls, and never one at an address that is not
/// [public](is_public).
///
/// What a name resolves to is looked at where the connection is made, for every connection: a name whose
/// answer changes between a look and a call leads nowhere else. No proxy stands in between, since it would
/// resolve names itself.
pub struct GuardedClient {
    connect_timeout: Duration,
    resolver: Arc<PublicOnly>,
    // Made by the first call: reading the system's certificates takes milliseconds.
    client: OnceLock<Client>,
}

/// Asks for the addresses of a name.
type LookUp = dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync;

struct PublicOnly(Box<LookUp>);

/// Why a call is refused.
#[derive(Debug)]
struct Private;

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address is not of the public internet")
    }
}

impl StdError for Private {}

impl GuardedClient {
    /// A client that gives up on a connection that is not made within `connect_timeout`.
    pub fn new(connect_timeout: Duration) -> Self {
        Self::looking_up(connect_timeout, |name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }

    /// The same with answers from elsewhere than the system.
    fn looking_up(
        connect_timeout: Duration,
        look_up: impl Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Self {
        let resolver = Arc::new(PublicOnly(Box::new(look_up)));
        Self { connect_timeout, resolver, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let builder = trusting()
            .connect_timeout(self.connect_timeout)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::clone(&self.resolver));
        let client = builder.build().map_err(|error| {
            Error::new(Code::Internal, "the HTTP client cannot be built").caused_by(error)
        })?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl fmt::Debug for GuardedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedClient").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for GuardedClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let request = reqwest::Request::try_from(request).map_err(|error| {
            Error::new(Code::InvalidRequest, "the URL cannot be called").caused_by(error)
        })?;
        // As it will be called: `2130706433` and `0x7f.1` are `127.0.0.1` by now. An address in the URL is
        // not resolved.
        let host = request.url().host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if literal.is_ok_and(|address| !is_public(address)) {
            return Err(refused());
        }
        let sent = execute(self.client()?, request).await;
        sent.map_err(|error| if was_private(&error) { refused() } else { error })
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let looking = (self.0)(name.as_str().to_owned());
        Box::pin(async move {
            let public: Vec<SocketAddr> = looking
                .await?
                .into_iter()
                .filter(|address| is_public(*address))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if public.is_empty() {
                return Err(Private.into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

fn was_private(error: &Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(it) = cause {
        if it.is::<Private>() {
            return true;
        }
        cause = it.source();
    }
    false
}

fn refused() -> Error {
    let message = "the address is private, and this gateway does not call it";
    Error::new(Code::UpstreamUnreachable, message).caused_by(Private)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;
    use tokio::net::TcpListener;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    async fn call(client: &GuardedClient, url: &str) -> Error {
        let request = Request::get(url).body(Bytes::new()).unwrap();
        client.send(request).await.map(|answer| answer.status()).unwrap_err()
    }

    /// A client to which every name is at these addresses.
    fn knowing(addresses: &'static [&'static str]) -> GuardedClient {
        GuardedClient::looking_up(PATIENCE, move |_| {
            let found = addresses.iter().map(|it| it.parse().unwrap()).collect();
            Box::pin(async move { Ok(found) })
        })
    }

    #[tokio::test]
    async fn nothing_on_this_machine_is_called_however_it_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = GuardedClient::new(PATIENCE);
        for host in [
            "127.0.0.1",
            "localhost",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            let error = call(&client, &format!("http://{host}:{port}/")).await;
            assert!(error.message().contains("private"), "{host}: {error:?}");
        }
        assert!(listener.accept().now_or_never().is_none(), "somebody connected");
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_called() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for addresses in [&["127.0.0.1"][..], &["10.0.0.1", "fd00::1", "169.254.169.254"], &[]] {
            let client = knowing(addresses);
            let error = call(&client, &format!("http://rebound.example.com:{port}/")).await;
            assert!(error.message().contains("private"), "{addresses:?}: {error:?}");
        }
        assert!(listener.accept().now_or_never().is_none(), "somebody connected");
    }

    #[tokio::test]
    async fn a_name_is_looked_at_for_every_connection() {
        // The first answer would pass any check that was made before; the next ones are for the call.
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let look_up = |_| {
            let first = ASKED.fetch_add(1, Ordering::SeqCst) == 0;
            let found: IpAddr = if first { "8.8.8.8" } else { "127.0.0.1" }.parse().unwrap();
            Box::pin(async move { Ok(vec![found]) }) as BoxFuture<'static, io::Result<Vec<IpAddr>>>
        };
        let client = GuardedClient::looking_up(PATIENCE, look_up);
        let name: Name = "rebound.example.com".parse().unwrap();
        assert!(client.resolver.resolve(name).await.is_ok(), "a look before the call");
        let error = call(&client, "http://rebound.example.com/").await;
        assert!(error.message().contains("private"), "{error:?}");
    }

    #[tokio::test]
    async fn of_several_addresses_only_public_ones_are_called() {
        let client = knowing(&["10.0.0.1", "8.8.8.8", "::1", "2606:4700:4700::1111"]);
        let name: Name = "mixed.example.com".parse().unwrap();
        let found = client.resolver.resolve(name).await.ok().unwrap();
        let found: Vec<String> = found.map(|address| address.ip().to_string()).collect();
        assert_eq!(found, ["8.8.8.8", "2606:4700:4700::1111"]);
    }
}
