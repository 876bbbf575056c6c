//! Which addresses strangers may have the gateway call.
//!
//! What is written in a URL is looked at here; what a name resolves to, by the client that connects, with
//! [`is_public`] and for every connection anew, so that a name cannot change its mind in between.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ::http::Uri;

/// The longest URL, in bytes.
const MAX_URL: usize = 4096;
/// Names that mean this machine or this network wherever they are asked.
const INNER: [&str; 7] = ["localhost", "local", "internal", "intranet", "lan", "home", "corp"];
/// Below this, only the two ports of the web.
const FIRST_FREE_PORT: u16 = 1024;

/// A URL that a stranger may have called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(Uri);

impl Target {
    /// Looks at a URL. An error completes the sentence that begins with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > MAX_URL {
            return Err(format!("is longer than {MAX_URL} bytes"));
        }
        // What is behind the `#` is the reader's own.
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let uri: Uri = text.parse().map_err(|_| "is no URL such as https://example.com/page")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("must begin with http:// or https://".to_owned());
        }
        let authority = uri.authority().map(::http::uri::Authority::as_str).unwrap_or_default();
        if authority.contains('@') {
            return Err("may not hold a user name or a password".to_owned());
        }
        host(uri.host().unwrap_or_default())?;
        match uri.port_u16() {
            Some(port) if port < FIRST_FREE_PORT && port != 80 && port != 443 => {
                Err(format!("leads to port {port}, where no web server is"))
            }
            None if authority.ends_with(':') || uri.port().is_some() => {
                Err("has no port".to_owned())
            }
            _ => Ok(Self(uri)),
        }
    }

    /// The target that a redirect from here names.
    pub(super) fn joined(&self, location: &str) -> Result<Self, String> {
        let (scheme, authority) = (self.0.scheme_str().unwrap_or_default(), self.0.authority());
        let authority = authority.map(::http::uri::Authority::as_str).unwrap_or_default();
        let path = self.0.path();
        let location = location.trim();
        let has_scheme = location.split_once(':').is_some_and(|(before, _)| {
            !before.is_empty()
                && before.bytes().all(|it| it.is_ascii_alphanumeric() || b"+.-".contains(&it))
        });
        let whole = if has_scheme {
            location.to_owned()
        } else if let Some(rest) = location.strip_prefix("//") {
            format!("{scheme}://{rest}")
        } else if location.starts_with('/') {
            format!("{scheme}://{authority}{location}")
        } else if location.starts_with('?') {
            format!("{scheme}://{authority}{path}{location}")
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{location}")
        };
        Self::parse(&whole)
    }

    /// The URL.
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

fn host(host: &str) -> Result<(), String> {
    const PRIVATE: &str = "leads to a private address, which this gateway does not call";
    if let Some(inner) = host.strip_prefix('[') {
        let address: Option<Ipv6Addr> = inner.strip_suffix(']').and_then(|it| it.parse().ok());
        let address = address.ok_or("has no valid host")?;
        return if is_public(address.into()) { Ok(()) } else { Err(PRIVATE.to_owned()) };
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.is_empty() || name.len() > 253 || !name.bytes().all(fits) {
        return Err(
            "has no host that can be called: a name in ASCII letters, or an address".to_owned()
        );
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    // Some clients read `127.1`, `0x7f000001` and `2130706433` as addresses. Who means one writes it in full.
    if last.starts_with(|c: char| c.is_ascii_digit()) {
        let address: Ipv4Addr =
            name.parse().map_err(|_| "has an address that is not written as four numbers")?;
        return if is_public(address.into()) { Ok(()) } else { Err(PRIVATE.to_owned()) };
    }
    // A name of one part is one of the network that the gateway stands in.
    if !name.contains('.') || INNER.contains(&last) {
        return Err(PRIVATE.to_owned());
    }
    Ok(())
}

/// Whether an address is of the public internet: none that is private, this machine's, a link's, a
/// carrier's, a cloud's own, reserved or for documentation.
///
/// Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    /// Networks, each with the number of bits that its addresses share.
    const OTHERS: [([u8; 4], u32); 17] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        // Azure's own services, at an address that looks public.
        ([168, 63, 129, 16], 32),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
        ([255, 255, 255, 255], 32),
    ];
    let bits = address.to_bits();
    !OTHERS
        .iter()
        .any(|(network, shared)| (bits ^ u32::from_be_bytes(*network)) >> (32 - shared) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // 2000::/3 is all that is given out. The rest is private, for protocols, or IPv4 in another form
    // (`::ffff:10.0.0.1`); and some of it is for protocols, for documentation, or a tunnel, which may lead
    // back to a private IPv4 address.
    let given_out = first >> 13 == 1;
    let protocols = first == 0x2001 && second < 0x0200;
    let documentation = first == 0x2001 && second == 0x0db8 || first == 0x3fff && second < 0x1000;
    let tunnels = first == 0x2002;
    given_out && !protocols && !documentation && !tunnels
}
