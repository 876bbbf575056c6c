//! `dormouse-lambda`: the gateway as an AWS Lambda function.
//!
//! It answers HTTP events: function URLs, HTTP APIs (payload format 2.0), REST APIs and Application
//! Load Balancers. An instance works on one event at a time; Lambda starts more instances when more
//! arrive. Nothing is opened before the first event needs it.
//!
//! Settings are the environment variables of the server, and one more:
//!
//! `DORMOUSE_LAMBDA_INVOKE_MODE` says how answers leave the function. It must match what stands in
//! front, since each understands only its own:
//! - `response_stream` (default): a function URL whose `InvokeMode` is `RESPONSE_STREAM`;
//! - `buffered`: HTTP APIs, REST APIs and load balancers, which answer 500 or 502 to a streamed
//!   answer, and function URLs in `BUFFERED` mode. Streams then arrive whole, at their end;
//! - `worker`: not at all. Such a function works on background responses, whenever a schedule sends it an
//!   event. The others take such responses and leave them to it: nothing runs when they have answered.
//!
//! Keys, budgets and receipts are kept where `DORMOUSE_STORE` says: in a DynamoDB table, as `template.yaml`
//! has it, or another store that instances share. Unset, they are in a SQLite file in the temporary
//! directory, which every instance has for itself and loses when it ends: **budgets and minted keys are then
//! per instance**. Hence `DORMOUSE_API_KEY` is required: it is the only key that every instance knows.

mod init;
mod path;
mod worker;

use std::env;

use dormouse_core::{Error, Result, gateway::Gateway, settings::Settings};
use lambda_http::tower::util::MapRequest;

const INVOKE_MODE: &str = "DORMOUSE_LAMBDA_INVOKE_MODE";

/// How answers leave the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InvokeMode {
    ResponseStream,
    Buffered,
    Worker,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    match begin() {
        Ok((gateway, mode)) => serve(gateway, mode).await,
        Err(error) => {
            init::report(&error).await?;
            Err(error.into())
        }
    }
}

fn begin() -> Result<(Gateway, InvokeMode)> {
    let (settings, mode) = set_up(|name| env::var(name).ok())?;
    dormouse_wiring::start_logging(&settings)?;
    Ok((dormouse_wiring::gateway(settings)?, mode))
}

/// What the function's environment says.
fn set_up(look_up: impl Fn(&str) -> Option<String>) -> Result<(Settings, InvokeMode)> {
    let mode = invoke_mode(look_up(INVOKE_MODE).as_deref())?;
    let mut settings = Settings::read(look_up)?;
    if settings.api_key.is_none() {
        return Err(Error::invalid(
            "DORMOUSE_API_KEY",
            "DORMOUSE_API_KEY must be set: a generated key would differ from instance to instance",
        ));
    }
    if mode != InvokeMode::Worker {
        settings.runs = 0;
    }
    if settings.store.is_none() && settings.data.is_none() {
        // A function has no home, only this directory to write to.
        settings.data = Some(env::temp_dir().display().to_string());
    }
    Ok((settings, mode))
}

fn invoke_mode(text: Option<&str>) -> Result<InvokeMode> {
    match text.map(str::trim) {
        None | Some("" | "response_stream") => Ok(InvokeMode::ResponseStream),
        Some("buffered") => Ok(InvokeMode::Buffered),
        Some("worker") => Ok(InvokeMode::Worker),
        Some(other) => {
            let message =
                format!("{INVOKE_MODE}: `{other}` is none of response_stream, buffered and worker");
            Err(Error::invalid(INVOKE_MODE, message))
        }
    }
}

async fn serve(gateway: Gateway, mode: InvokeMode) -> Result<(), lambda_http::Error> {
    let service = |gateway| MapRequest::new(dormouse_http::router(gateway), path::without_stage);
    match mode {
        InvokeMode::ResponseStream => {
            lambda_http::run_with_streaming_response(service(gateway)).await
        }
        InvokeMode::Buffered => lambda_http::run(service(gateway)).await,
        InvokeMode::Worker => worker::serve(gateway).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_up_with(pairs: &[(&str, &str)]) -> Result<(Settings, InvokeMode)> {
        set_up(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn answers_are_streamed_unless_the_setting_says_otherwise() {
        assert_eq!(invoke_mode(None).unwrap(), InvokeMode::ResponseStream);
        assert_eq!(invoke_mode(Some("response_stream")).unwrap(), InvokeMode::ResponseStream);
        assert_eq!(invoke_mode(Some("buffered")).unwrap(), InvokeMode::Buffered);
        assert_eq!(invoke_mode(Some("worker")).unwrap(), InvokeMode::Worker);
        let error = invoke_mode(Some("BUFFERED")).unwrap_err();
        assert_eq!(error.param(), Some(INVOKE_MODE));
    }

    #[test]
    fn only_a_worker_works_when_it_has_answered() {
        let runs = |mode| {
            let key = ("DORMOUSE_API_KEY", "sk-0123456789abcdef");
            let (settings, _) = set_up_with(&[key, (INVOKE_MODE, mode)]).unwrap();
            settings.runs
        };
        assert_eq!((runs("response_stream"), runs("buffered"), runs("worker")), (0, 0, 4));
    }

    #[test]
    fn a_function_without_a_key_does_not_start() {
        let error = set_up_with(&[]).err().unwrap();
        assert_eq!(error.param(), Some("DORMOUSE_API_KEY"));
    }
}
