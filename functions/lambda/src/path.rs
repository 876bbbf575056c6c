//! The path of a request without the stage that API Gateway puts into it.
//!
//! | event             | path it carries                              | lambda_http makes of it |
//! |-------------------|----------------------------------------------|-------------------------|
//! | function URL, ALB | as requested                                 | the same                |
//! | REST API          | without the stage                            | the stage put in front  |
//! | HTTP API          | with the stage, unless that is `$default` or the domain is a custom one | the same, with any stage |
//!
//! The gateway's routes know no stages. `AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH` would only cure REST
//! APIs, and only if every deployment remembers it, so it is done here.

use http::{Uri, uri::PathAndQuery};
use lambda_http::{Request, RequestExt, request::RequestContext};

/// The request, its path freed of the stage.
pub(crate) fn without_stage(mut request: Request) -> Request {
    let path = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            let path = request.raw_http_path();
            // Custom domains map to a stage without showing it.
            let shown = context.domain_name.as_deref().is_some_and(is_default_domain);
            let stage = context.stage.as_deref().filter(|stage| shown && *stage != "$default");
            stage.and_then(|stage| below(path, stage)).unwrap_or(path)
        }
        Some(RequestContext::ApiGatewayV1(_)) => request.raw_http_path(),
        _ => return request,
    };
    // What is no path is left to the router to refuse.
    if let Some(uri) = with_path(request.uri(), path) {
        *request.uri_mut() = uri;
    }
    request
}

fn is_default_domain(domain: &str) -> bool {
    domain.contains(".execute-api.")
}

/// What is below `/stage` in `path`.
fn below<'a>(path: &'a str, stage: &str) -> Option<&'a str> {
    let rest = path.strip_prefix('/')?.strip_prefix(stage)?;
    match rest {
        "" => Some("/"),
        _ => rest.starts_with('/').then_some(rest),
    }
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use lambda_http::request::from_str;

    use super::*;

    const DEFAULT_DOMAIN: &str = "abc123.execute-api.us-east-1.amazonaws.com";

    fn http_api(domain: &str, stage: &str, path: &str) -> Request {
        let event = serde_json::json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path,
            "rawQueryString": "limit=2&after=a%20b", "headers": {"host": domain},
            "requestContext": {
                "domainName": domain, "stage": stage, "timeEpoch": 0,
                "http": {"method": "GET", "path": path},
            },
            "isBase64Encoded": false,
        });
        from_str(&event.to_string()).unwrap()
    }

    fn rest_api(stage: &str, path: &str) -> Request {
        let event = serde_json::json!({
            "resource": "/{proxy+}", "path": path, "httpMethod": "GET",
            "headers": {"Host": DEFAULT_DOMAIN},
            "requestContext": {"stage": stage, "httpMethod": "GET", "identity": {}},
            "isBase64Encoded": false,
        });
        from_str(&event.to_string()).unwrap()
    }

    fn path_of(request: Request) -> String {
        without_stage(request).uri().path().to_owned()
    }

    #[test]
    fn the_stage_of_a_rest_api_is_not_part_of_the_path() {
        assert_eq!(path_of(rest_api("prod", "/v1/models")), "/v1/models");
        assert_eq!(path_of(rest_api("v1", "/v1/models")), "/v1/models");
    }

    #[test]
    fn the_stage_of_an_http_api_is_taken_off_once() {
        assert_eq!(path_of(http_api(DEFAULT_DOMAIN, "prod", "/prod/v1/models")), "/v1/models");
        assert_eq!(path_of(http_api(DEFAULT_DOMAIN, "v1", "/v1/v1/models")), "/v1/models");
        assert_eq!(path_of(http_api(DEFAULT_DOMAIN, "prod", "/prod")), "/");
        assert_eq!(path_of(http_api(DEFAULT_DOMAIN, "$default", "/v1/models")), "/v1/models");
    }

    #[test]
    fn a_custom_domain_shows_no_stage() {
        assert_eq!(path_of(http_api("api.example.com", "v1", "/v1/models")), "/v1/models");
    }

    #[test]
    fn the_query_stays_as_it_was() {
        let request = without_stage(http_api(DEFAULT_DOMAIN, "prod", "/prod/v1/receipts"));
        assert_eq!(request.uri().query(), Some("limit=2&after=a%20b"));
    }
}
