//! An HTTP request as the event an integration makes of it.
//!
//! Shapes: <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html> (function URLs),
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
//! (formats 2.0 and 1.0) and
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html> (ALB).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, header, request::Parts};
use serde_json::{Value, json};

use super::EventKind;

/// The stage of the emulated REST API, as its URL spells it.
pub(super) const STAGE_PATH: &str = "/prod";

const STAGE: &str = "prod";
const CLIENT: &str = "127.0.0.1";
const API: &str = "abc123";
const TARGET_GROUP: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/dormouse/0123456789abcdef";

/// The event for a request, or `None` when the URL belongs to no stage of the REST API.
pub(super) fn of(kind: EventKind, parts: &Parts, body: &Bytes) -> Option<Value> {
    Some(match kind {
        EventKind::FunctionUrl => format_2(parts, body, "lambda-url.us-east-1.on.aws"),
        EventKind::HttpApiV2 => format_2(parts, body, "execute-api.us-east-1.amazonaws.com"),
        EventKind::RestV1 => {
            let path = parts.uri.path().strip_prefix(STAGE_PATH)?;
            if !path.is_empty() && !path.starts_with('/') {
                return None;
            }
            format_1(parts, body, if path.is_empty() { "/" } else { path })
        }
        EventKind::Alb => load_balancer(parts, body),
    })
}

fn format_2(parts: &Parts, body: &Bytes, domain: &str) -> Value {
    let (body, is_base64) = encoded(&parts.headers, body);
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let mut headers = header_pairs(&parts.headers);
    headers.0.retain(|(name, _)| name != "cookie");
    headers.0.push(("x-forwarded-for".into(), vec![CLIENT.into()]));
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers.joined(),
        "requestContext": {
            "accountId": "anonymous",
            "apiId": API,
            "domainName": format!("{API}.{domain}"),
            "domainPrefix": API,
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": CLIENT,
                "userAgent": text(&parts.headers, header::USER_AGENT.as_str()),
            },
            "requestId": "req-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:00:00:00 +0000",
            "timeEpoch": epoch_millis(),
        },
        "isBase64Encoded": is_base64,
    });
    // This format leaves out what is absent.
    let cookies = cookies(&parts.headers);
    let optional = [
        ("cookies", (!cookies.is_empty()).then(|| json!(cookies))),
        ("queryStringParameters", Some(decoded_query(query).joined())),
        ("body", body.map(Value::String)),
    ];
    if let Some(event) = event.as_object_mut() {
        let present = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        event.extend(
            present.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.into(), value)),
        );
    }
    event
}

fn format_1(parts: &Parts, body: &Bytes, path: &str) -> Value {
    let (body, is_base64) = encoded(&parts.headers, body);
    let headers = header_pairs(&parts.headers);
    let query = decoded_query(parts.uri.query().unwrap_or_default());
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": parts.method.as_str(),
        "headers": headers.last(),
        "multiValueHeaders": headers.lists(),
        "queryStringParameters": query.last(),
        "multiValueQueryStringParameters": query.lists(),
        "pathParameters": {"proxy": path.trim_start_matches('/')},
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": API,
            "domainName": format!("{API}.execute-api.us-east-1.amazonaws.com"),
            "stage": STAGE,
            "httpMethod": parts.method.as_str(),
            "path": parts.uri.path(),
            "protocol": "HTTP/1.1",
            "requestId": "req-1",
            "requestTimeEpoch": epoch_millis(),
            "resourceId": "res1",
            "resourcePath": "/{proxy+}",
            "identity": {"sourceIp": CLIENT},
        },
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

fn load_balancer(parts: &Parts, body: &Bytes) -> Value {
    let (body, is_base64) = encoded(&parts.headers, body);
    let query = raw_query(parts.uri.query().unwrap_or_default()).lists();
    json!({
        "requestContext": {"elb": {"targetGroupArn": TARGET_GROUP}},
        "httpMethod": parts.method.as_str(),
        "path": parts.uri.path(),
        "multiValueQueryStringParameters": if query.is_null() { json!({}) } else { query },
        "multiValueHeaders": header_pairs(&parts.headers).lists(),
        "body": body.unwrap_or_default(),
        "isBase64Encoded": is_base64,
    })
}

/// The body as an event carries it: text where the content type says so, base64 otherwise.
fn encoded(headers: &HeaderMap, body: &Bytes) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let textual = is_text(&text(headers, header::CONTENT_TYPE.as_str()))
        && !headers.contains_key(header::CONTENT_ENCODING);
    match std::str::from_utf8(body) {
        Ok(body) if textual => (Some(body.to_owned()), false),
        Ok(_) | Err(_) => (Some(BASE64_STANDARD.encode(body)), true),
    }
}

fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || ["application/json", "application/javascript", "application/xml"].contains(&essence)
}

fn text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.unwrap_or_default().into_owned()
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(';')).map(|cookie| cookie.trim().to_owned()).collect()
}

fn header_pairs(headers: &HeaderMap) -> Many {
    Many::of(headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    }))
}

fn decoded_query(query: &str) -> Many {
    let url = reqwest::Url::parse(&format!("http://localhost/?{query}"));
    Many::of(url.iter().flat_map(|url| url.query_pairs().into_owned()))
}

/// The query as a load balancer passes it on: still percent-encoded.
fn raw_query(query: &str) -> Many {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Many::of(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn epoch_millis() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// Names with all their values, in order of first appearance.
struct Many(Vec<(String, Vec<String>)>);

impl Many {
    fn of(pairs: impl Iterator<Item = (String, String)>) -> Self {
        let mut gathered: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in pairs {
            match gathered.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => gathered.push((name, vec![value])),
            }
        }
        Self(gathered)
    }

    /// Every value, as a list; `null` when there is nothing.
    fn lists(&self) -> Value {
        self.map(|values| json!(values))
    }

    /// The last value of each; `null` when there is nothing.
    fn last(&self) -> Value {
        self.map(|values| json!(values.last()))
    }

    /// The values of each, joined by commas; `null` when there is nothing.
    fn joined(&self) -> Value {
        self.map(|values| json!(values.join(",")))
    }

    fn map(&self, value: impl Fn(&[String]) -> Value) -> Value {
        if self.0.is_empty() {
            return Value::Null;
        }
        self.0.iter().map(|(name, values)| (name.clone(), value(values))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, uri: &str, content_type: &str, body: &[u8]) -> Value {
        let request = http::Request::post(uri)
            .header("content-type", content_type)
            .header("x-many", "1")
            .header("x-many", "2")
            .header("cookie", "a=1; b=2")
            .body(())
            .unwrap();
        of(kind, &request.into_parts().0, &Bytes::copy_from_slice(body)).unwrap()
    }

    #[test]
    fn repeated_headers_and_parameters_are_kept_as_each_format_keeps_them() {
        let at = "/v1/x?a=1&a=%20";
        let url = event(EventKind::FunctionUrl, at, "text/plain", b"");
        assert_eq!(url["headers"]["x-many"], "1,2");
        assert_eq!(url["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(url["queryStringParameters"]["a"], "1, ");
        assert_eq!(url["rawQueryString"], "a=1&a=%20");

        let rest = event(EventKind::RestV1, &format!("{STAGE_PATH}{at}"), "text/plain", b"");
        assert_eq!(rest["path"], "/v1/x");
        assert_eq!(rest["headers"]["x-many"], "2");
        assert_eq!(rest["multiValueHeaders"]["x-many"], json!(["1", "2"]));
        assert_eq!(rest["multiValueQueryStringParameters"]["a"], json!(["1", " "]));

        let alb = event(EventKind::Alb, at, "text/plain", b"");
        assert_eq!(alb["multiValueHeaders"]["x-many"], json!(["1", "2"]));
        assert_eq!(alb["multiValueQueryStringParameters"]["a"], json!(["1", "%20"]));
    }

    #[test]
    fn only_bodies_that_say_they_are_text_stay_text() {
        let body = |content_type, body: &[u8]| {
            let event = event(EventKind::HttpApiV2, "/", content_type, body);
            (event["body"].clone(), event["isBase64Encoded"].clone())
        };
        assert_eq!(body("application/json; charset=utf-8", b"{}"), (json!("{}"), json!(false)));
        assert_eq!(body("application/octet-stream", b"{}"), (json!("e30="), json!(true)));
        assert_eq!(body("text/plain", b"\xff"), (json!("/w=="), json!(true)));
    }
}
