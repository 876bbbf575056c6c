//! Several messages in one body, answered in one.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use rmcp::model::{ErrorData, JsonRpcError};
use serde_json::Value;

use super::{
    Peer,
    answer::{self, Accepts},
    message::{Malformed, Message},
    methods, notice,
    running::Running,
};

/// Answers the messages one after the other. A batch without requests has no answer.
pub(super) async fn answer(
    peer: Peer,
    messages: Vec<Result<Message, Malformed>>,
    accepts: Accepts,
    running: &Running,
) -> Response {
    let mut answers = Vec::new();
    for message in messages {
        match message {
            Ok(Message::Request(asked)) => {
                let id = asked.id.clone();
                let result = match asked.method.as_str() {
                    "initialize" => {
                        let why = "Invalid Request: `initialize` stands alone";
                        Err(ErrorData::invalid_request(why, None))
                    }
                    _ => methods::answer(&peer, asked).await,
                };
                answers.push(answer::body(id, result));
            }
            Ok(message) => notice(running, &peer.caller, peer.session.as_ref(), message),
            Err(Malformed { id, error }) => {
                answers.push(answer::value(&JsonRpcError::new(id, *error)));
            }
        }
    }
    if answers.is_empty() {
        return StatusCode::ACCEPTED.into_response();
    }
    answer::whole(StatusCode::OK, &Value::Array(answers), accepts)
}
