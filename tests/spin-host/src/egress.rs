//! Which servers a component may call: the rule of `allowed_outbound_hosts` in spin.toml.

use std::{str::FromStr, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request};

type Finish = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Finish), Error>> + Send>;

/// Sends requests to allowed destinations only.
#[derive(Clone, Debug)]
pub struct Egress(Arc<[Destination]>);

impl Egress {
    pub(crate) fn new(allowed: Vec<Destination>) -> Self {
        Self(allowed.into())
    }

    /// Whether something may be sent there.
    pub(crate) fn allows(&self, uri: &Uri) -> bool {
        self.0.iter().any(|destination| destination.covers(uri))
    }
}

impl WasiHttpHooks for Egress {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _transmitted: Finish,
    ) -> Sent {
        let allowed = self.allows(request.uri());
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            let (response, finish) = default_send_request(request, options).await?;
            Ok((response.map(|body| body.boxed_unsync()), Box::new(finish) as Finish))
        })
    }
}

/// `scheme://host:port`, where each part may be `*` and the host may begin with `*.`; a missing port
/// is the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    scheme: String,
    host: String,
    port: Port,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Any,
    OfScheme,
    Is(u16),
}

impl Destination {
    fn covers(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return false };
        let usual = match scheme {
            "https" => 443,
            "redis" | "rediss" => 6379,
            _ => 80,
        };
        let port = uri.port_u16().unwrap_or(usual);
        let host_fits = match self.host.strip_prefix('*') {
            Some(suffix) => host.ends_with(suffix),
            None => host == self.host,
        };
        let port_fits = match self.port {
            Port::Any => true,
            Port::OfScheme => port == usual,
            Port::Is(only) => port == only,
        };
        (self.scheme == "*" || self.scheme == scheme) && host_fits && port_fits
    }
}

impl FromStr for Destination {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || format!("{text}: not of the form scheme://host:port");
        let (scheme, rest) = text.split_once("://").with_context(wrong)?;
        let (host, port) = match rest.rsplit_once(':') {
            None => (rest, Port::OfScheme),
            Some((host, "*")) => (host, Port::Any),
            Some((host, port)) => (host, Port::Is(port.parse().with_context(wrong)?)),
        };
        ensure!(!scheme.is_empty() && !host.is_empty() && !host.contains('/'), wrong());
        Ok(Self { scheme: scheme.into(), host: host.into(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(destination: &str, uri: &str) -> bool {
        destination.parse::<Destination>().unwrap().covers(&uri.parse().unwrap())
    }

    #[test]
    fn a_destination_covers_what_it_names() {
        assert!(covers("http://127.0.0.1:*", "http://127.0.0.1:11434/v1"));
        assert!(covers("https://api.example.com", "https://api.example.com/v1"));
        assert!(covers("https://*.example.com:443", "https://api.example.com/"));
        assert!(covers("*://*:*", "http://anything:1/"));
        assert!(covers("redis://127.0.0.1", "redis://me:secret@127.0.0.1:6379/0"));
    }

    #[test]
    fn a_destination_covers_nothing_else() {
        assert!(!covers("http://127.0.0.1:*", "https://127.0.0.1:1/"));
        assert!(!covers("http://127.0.0.1:*", "http://127.0.0.2:1/"));
        assert!(!covers("http://127.0.0.1:80", "http://127.0.0.1:81/"));
        assert!(!covers("https://*.example.com", "https://example.com.evil.org/"));
        assert!(!covers("https://api.example.com", "https://api.example.com:8443/"));
    }

    #[test]
    fn what_is_no_destination_is_refused() {
        for text in ["localhost", "http://", "http://host:port", "http://host/path"] {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
    }
}
