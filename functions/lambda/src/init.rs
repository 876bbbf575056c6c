//! Telling Lambda why the function cannot start, so that it shows in the console and in the logs
//! instead of a bare exit status.

use http::Method;
use lambda_http::lambda_runtime::Diagnostic;
use lambda_runtime_api_client::{Client, body::Body, build_request};

/// Reports `error` to the Runtime API.
///
/// # Errors
/// When there is no Runtime API: outside of Lambda.
///
/// Protocol: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>.
pub(crate) async fn report(error: &dormouse_core::Error) -> Result<(), lambda_http::Error> {
    let endpoint = std::env::var("AWS_LAMBDA_RUNTIME_API")
        .map_err(|_| format!("not started by Lambda, and it could not have worked: {error}"))?;
    let diagnostic =
        Diagnostic { error_type: "Runtime.InitError".to_owned(), error_message: error.to_string() };
    let request = build_request()
        .method(Method::POST)
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", "Runtime.InitError")
        .body(Body::from(serde_json::to_vec(&diagnostic)?))?;
    let client = Client::builder().with_endpoint(endpoint.parse()?).build()?;
    client.call(request).await?;
    Ok(())
}
