//! Where the bucket is: `s3://bucket/prefix?region=eu-central-1&endpoint=http://127.0.0.1:9000&path_style=true`.

use dormouse_core::{Error, Result};

/// The scheme of the URLs.
const SCHEME: &str = "s3://";
/// The longest prefix, in bytes: with a tenant and a name, a key has at most 1024.
const LONGEST_PREFIX: usize = 500;

/// Which bucket, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Options {
    /// The name of the bucket.
    pub bucket: String,
    /// What all keys begin with: nothing, or text that ends in a slash.
    pub prefix: String,
    /// The region. Unset, that of the environment.
    pub region: Option<String>,
    /// A server to use instead of AWS's own.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path of requests instead of their host.
    pub path_style: bool,
}

impl S3Options {
    /// Reads `s3://bucket/prefix`, with `region`, `endpoint` and `path_style=true` as parameters.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](dormouse_core::Code::InvalidRequest) for anything else.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| Err(Error::invalid("blobs", why.to_owned()));
        let Some(rest) = url.strip_prefix(SCHEME) else { return wrong("must begin with s3://") };
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
        let known = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if bucket.is_empty() || !bucket.chars().all(known) {
            return wrong("must name a bucket, as in s3://bucket/prefix");
        }
        let mut options = Self {
            bucket: bucket.to_owned(),
            prefix: key_prefix(prefix)?,
            region: None,
            endpoint: None,
            path_style: false,
        };
        for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
            match (&*name, &*value) {
                ("region", region) if !region.is_empty() => options.region = Some(region.into()),
                ("endpoint", endpoint) if is_endpoint(endpoint) => {
                    options.endpoint = Some(endpoint.into());
                }
                ("endpoint", _) => {
                    return wrong(
                        "must have an http:// or https:// URL without credentials as its endpoint",
                    );
                }
                ("path_style", "true") => options.path_style = true,
                ("path_style", "false") => options.path_style = false,
                ("path_style", _) => return wrong("must say true or false to path_style"),
                _ => return wrong("may have the parameters region, endpoint and path_style only"),
            }
        }
        Ok(options)
    }
}

/// The prefix with a slash at its end, if it is one that needs no quoting anywhere.
fn key_prefix(prefix: &str) -> Result<String> {
    let prefix = prefix.trim_matches('/');
    let known = |c: char| c.is_ascii_alphanumeric() || "!-_.*'()/".contains(c);
    let plain = prefix.is_empty() || prefix.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if prefix.len() > LONGEST_PREFIX || !prefix.chars().all(known) || !plain {
        let wanted = format!(
            "must have a prefix of at most {LONGEST_PREFIX} letters, digits and !-_.*'(), with slashes between"
        );
        return Err(Error::invalid("blobs", wanted));
    }
    Ok(if prefix.is_empty() { String::new() } else { format!("{prefix}/") })
}

/// A URL with a password in it would be shown in logs.
fn is_endpoint(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_bucket_and_how_to_reach_it() {
        let options = S3Options::parse(
            "s3://blobs.acme/a/b?region=eu-central-1&endpoint=http%3A%2F%2F127.0.0.1:9000&path_style=true",
        );
        let expected = S3Options {
            bucket: "blobs.acme".into(),
            prefix: "a/b/".into(),
            region: Some("eu-central-1".into()),
            endpoint: Some("http://127.0.0.1:9000".into()),
            path_style: true,
        };
        assert_eq!(options.unwrap(), expected);
        for (url, prefix) in [("s3://b", ""), ("s3://b/", ""), ("s3://b/a/", "a/"), ("s3://b?", "")]
        {
            assert_eq!(S3Options::parse(url).unwrap().prefix, prefix, "{url}");
        }
    }

    #[test]
    fn what_is_no_such_url_is_refused() {
        let long = format!("s3://b/{}", "x".repeat(LONGEST_PREFIX + 1));
        for url in [
            "http://b",
            "s3://",
            "s3:///prefix",
            "s3://a b",
            "s3://b/a//b",
            "s3://b/../b",
            "s3://b/ü",
            &long,
            "s3://b?create=true",
            "s3://b?region=",
            "s3://b?path_style=1",
            "s3://b?endpoint=localhost:8000",
            "s3://b?endpoint=http://user:secret@localhost:8000",
        ] {
            let error = S3Options::parse(url).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{url}: {error}");
        }
    }
}
