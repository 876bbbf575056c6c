//! Under which address callers reach the gateway, and from which web pages they may.

use dormouse_core::{Code, Error, Result, settings::Settings};
use http::{
    HeaderMap, HeaderName,
    header::{HOST, ORIGIN},
    request::Parts,
    uri::{Authority, Uri},
};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The base URL of the gateway as the caller sees it, without a slash at its end: the setting, or what the
/// proxies in front and the request itself say.
pub(super) fn base(settings: &Settings, parts: &Parts) -> String {
    if let Some(url) = &settings.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let header = |name: &HeaderName| {
        let text = parts.headers.get(name)?.to_str().ok()?;
        // A chain of proxies says what each saw; the first stood before the client.
        text.split(',').next().map(str::trim)
    };
    let host = header(&FORWARDED_HOST).or_else(|| header(&HOST));
    let host = host.or_else(|| parts.uri.authority().map(Authority::as_str));
    // Whatever is no host ends up in no answer.
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let host = host.map_or_else(|| "localhost".to_owned(), |host| host.to_string());
    let scheme = if header(&FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
    format!("{scheme}://{host}")
}

/// Refuses what comes from a web page of a foreign origin. A page can make a browser believe that the
/// gateway's address is the page's own (DNS rebinding), so the address that a request names proves nothing.
///
/// # Errors
///
/// [`Code::Forbidden`].
pub(super) fn check(settings: &Settings, headers: &HeaderMap) -> Result<()> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let own = settings.public_url.as_deref().and_then(origin_of);
    let listed = settings.mcp_origins.as_deref().unwrap_or_default();
    let mut listed = listed.split(',').map(|it| it.trim().trim_end_matches('/'));
    if listed.any(|it| it == origin) || own.as_deref() == Some(origin) || is_local(origin) {
        return Ok(());
    }
    Err(Error::new(Code::Forbidden, "web pages of this origin may not call the gateway"))
}

/// Whether a page comes from this machine itself.
fn is_local(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn origin_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name);
        Settings::read(|name| find(name).map(|(_, value)| (*value).to_owned())).unwrap()
    }

    #[test]
    fn the_address_is_the_one_that_the_caller_used() {
        let unset = settings(&[]);
        let of = |headers: &[(&str, &str)], settings: &Settings| {
            let mut request = Request::builder().uri("/mcp");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            base(settings, &request.body(()).unwrap().into_parts().0)
        };
        assert_eq!(of(&[("host", "127.0.0.1:8080")], &unset), "http://127.0.0.1:8080");
        let proxied = [
            ("host", "10.0.0.1"),
            ("x-forwarded-host", "gateway.example, inner"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(of(&proxied, &unset), "https://gateway.example");
        let whole = Request::builder().uri("http://127.0.0.1:8080/mcp").body(()).unwrap();
        assert_eq!(base(&unset, &whole.into_parts().0), "http://127.0.0.1:8080");
        let set = settings(&[("DORMOUSE_PUBLIC_URL", "https://dormouse.example/")]);
        assert_eq!(of(&proxied, &set), "https://dormouse.example");
        assert_eq!(of(&[("host", "a b\"c")], &unset), "http://localhost");
    }

    #[test]
    fn only_known_pages_may_call() {
        let set = settings(&[
            ("DORMOUSE_PUBLIC_URL", "https://dormouse.example/"),
            ("DORMOUSE_MCP_ORIGINS", "https://app.example, https://other.example"),
        ]);
        let may = |origin: &str| {
            let headers = HeaderMap::from_iter([(ORIGIN, origin.parse().unwrap())]);
            check(&set, &headers).is_ok()
        };
        for origin in [
            "http://localhost:6274",
            "http://127.0.0.1",
            "http://[::1]:1",
            "https://dormouse.example",
            "https://app.example",
            "https://other.example",
        ] {
            assert!(may(origin), "{origin}");
        }
        for origin in [
            "http://dormouse.example",
            "https://app.example.evil.com",
            "http://localhost.evil.com",
            "http://evil.com",
            "null",
            "",
        ] {
            assert!(!may(origin), "{origin}");
        }
        assert!(check(&set, &HeaderMap::new()).is_ok());
    }
}
