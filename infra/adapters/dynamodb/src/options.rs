//! Where the table is: `dynamodb://table?region=eu-central-1&endpoint=http://127.0.0.1:8000&create=true`.

use dormouse_core::{Error, Result};

/// The scheme of the URLs.
const SCHEME: &str = "dynamodb://";

/// Which table, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoOptions {
    /// The name of the table, or its ARN.
    pub table: String,
    /// The region. Unset, that of the environment.
    pub region: Option<String>,
    /// A server to use instead of AWS's own.
    pub endpoint: Option<String>,
    /// Whether to create the table if it is missing.
    pub create: bool,
}

impl DynamoOptions {
    /// Reads `dynamodb://table`, with `region`, `endpoint` and `create=true` as parameters.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](dormouse_core::Code::InvalidRequest) for anything else.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| Err(Error::invalid("store", why.to_owned()));
        let Some(rest) = url.strip_prefix(SCHEME) else {
            return wrong("must begin with dynamodb://");
        };
        let (table, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let table = table.trim_end_matches('/');
        // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html
        let known = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
        if table.is_empty() || !table.chars().all(known) {
            return wrong("must name a table, as in dynamodb://dormouse");
        }
        let mut options =
            Self { table: table.to_owned(), region: None, endpoint: None, create: false };
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
                ("create", "true") => options.create = true,
                ("create", "false") => options.create = false,
                ("create", _) => return wrong("must say true or false to create"),
                _ => return wrong("may have the parameters region, endpoint and create only"),
            }
        }
        Ok(options)
    }
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
    fn a_url_names_the_table_and_how_to_reach_it() {
        let options = DynamoOptions::parse(
            "dynamodb://dormouse?region=eu-central-1&endpoint=http%3A%2F%2F127.0.0.1:8000&create=true",
        );
        let expected = DynamoOptions {
            table: "dormouse".into(),
            region: Some("eu-central-1".into()),
            endpoint: Some("http://127.0.0.1:8000".into()),
            create: true,
        };
        assert_eq!(options.unwrap(), expected);
        let plain = DynamoOptions::parse("dynamodb://my.table_1-a").unwrap();
        assert_eq!((plain.table.as_str(), plain.create), ("my.table_1-a", false));
        let endpoint = DynamoOptions::parse("dynamodb://t?endpoint=http://127.0.0.1:1/").unwrap();
        assert_eq!(endpoint.endpoint.as_deref(), Some("http://127.0.0.1:1/"));
    }

    #[test]
    fn what_is_no_such_url_is_refused() {
        for url in [
            "dynamo://t",
            "dynamodb://",
            "dynamodb://?region=x",
            "dynamodb://a b",
            "dynamodb://t?regions=x",
            "dynamodb://t?region=",
            "dynamodb://t?create=yes",
            "dynamodb://t?endpoint=localhost:8000",
            "dynamodb://t?endpoint=http://user:secret@localhost:8000",
        ] {
            let error = DynamoOptions::parse(url).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{url}: {error}");
        }
    }
}
