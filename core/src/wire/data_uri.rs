//! Pictures and documents that a request holds itself: `data:` URIs (RFC 2397), the Base64 kind.

/// The parts of such a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataUri<'a> {
    /// The type of the data, without parameters: `image/png`.
    pub(super) media_type: &'a str,
    /// The data in Base64, as it stands.
    pub(super) base64: &'a str,
}

impl<'a> DataUri<'a> {
    /// Takes `url` apart. `None`: it is no such URI.
    pub(super) fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        let (header, base64) = rest.split_once(',')?;
        let (types, encoding) = header.rsplit_once(';')?;
        if !scheme.eq_ignore_ascii_case("data") || !encoding.eq_ignore_ascii_case("base64") {
            return None;
        }
        let media_type = types.split(';').next().filter(|it| !it.is_empty());
        Some(Self { media_type: media_type.unwrap_or("text/plain"), base64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_its_type_and_its_data() {
        let of = |url| DataUri::parse(url).map(|uri| (uri.media_type, uri.base64));
        assert_eq!(of("data:image/png;base64,iVBO"), Some(("image/png", "iVBO")));
        assert_eq!(of("DATA:text/plain;charset=utf-8;BASE64,aGk="), Some(("text/plain", "aGk=")));
        assert_eq!(of("data:;base64,aGk="), Some(("text/plain", "aGk=")));
    }

    #[test]
    fn anything_else_is_none() {
        for url in ["https://a.example/b,c", "data:text/plain,hi", "data:image/png;base64", ""] {
            assert_eq!(DataUri::parse(url), None, "{url}");
        }
    }
}
