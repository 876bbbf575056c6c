//! Which kept conversation a request of `/v1` belongs to, and `DELETE /v1/sessions/{id}`.
//!
//! | what names it                                      | what happens                                         |
//! |----------------------------------------------------|------------------------------------------------------|
//! | `session_id` in the body, `x-session-id`           | what was said before is put in front of the request  |
//! | Claude Code's `x-claude-code-session-id`, Codex's `thread-id` and `session-id` | these send all that was said: it is kept as far as it is one line, and the request goes on as it is |

use axum::{Json, extract::State};
use dormouse_core::{
    Error, Result,
    agent::Mode,
    chat::{Dialect, Request, Source},
    conversation::Address,
    gateway::Gateway,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::{caller::Authenticated, count, extract::Path, problem::Problem};

/// Names the kept conversation of an answer.
const CONVERSATION: HeaderName = HeaderName::from_static("x-conversation-id");
/// How many tokens of its conversation a model is shown.
const CONTEXT: HeaderName = HeaderName::from_static("x-dormouse-context-tokens");
/// The header by which any client names a conversation to go on with.
pub(crate) const SESSION: HeaderName = HeaderName::from_static("x-session-id");
/// Claude Code's name of a conversation.
pub(crate) const CLAUDE_CODE: HeaderName = HeaderName::from_static("x-claude-code-session-id");
/// Claude Code's name of one of the agents that take part in it, each with a history of its own.
const CLAUDE_CODE_AGENT: HeaderName = HeaderName::from_static("x-claude-code-agent-id");
/// Codex's names of a conversation. A subagent has a thread of its own in the session of its parent.
const CODEX: [HeaderName; 2] =
    [HeaderName::from_static("thread-id"), HeaderName::from_static("session-id")];
/// Names the run of an answer for which the gateway ran tools.
const RUN: HeaderName = HeaderName::from_static("x-dormouse-run");
/// Names what an answer had to do without.
const DEGRADED: HeaderName = HeaderName::from_static("x-dormouse-degraded");
/// Says whose hands act, for requests whose body does not.
const MODE: HeaderName = HeaderName::from_static("x-dormouse-mode");
/// The field of a body by which any client names a conversation to go on with.
const FIELD: &str = "session_id";
/// The longest name that an agent's conversation has, in bytes.
const MAX_AGENTS_NAME: usize = 256;

/// The conversation that a request names. The field that names it is taken out of the request: it is for us.
pub(crate) fn address(headers: &HeaderMap, request: &mut Request) -> Result<Option<Address>> {
    let completion = request.dialect == Dialect::OpenAiCompletions;
    if let Some(name) = request.extensions.0.shift_remove(FIELD).filter(|name| !name.is_null()) {
        request.original = None;
        let Value::String(name) = name else {
            return Err(Error::invalid(FIELD, format!("`{FIELD}` must be a string")));
        };
        if completion {
            let why = format!("`{FIELD}`: text completions are no conversations");
            return Err(Error::invalid(FIELD, why));
        }
        return Ok(Some(Address::Named(name)));
    }
    let text = |name: &HeaderName| {
        headers.get(name)?.to_str().ok().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if completion {
        return Ok(None);
    }
    if let Some(name) = text(&SESSION) {
        return Ok(Some(Address::Named(name)));
    }
    let agents = match (text(&CLAUDE_CODE), text(&CLAUDE_CODE_AGENT)) {
        (Some(session), Some(agent)) => Some(format!("{session}/{agent}")),
        (Some(session), None) => Some(session),
        (None, _) if request.dialect == Dialect::OpenAiResponses => CODEX.iter().find_map(text),
        (None, _) => None,
    };
    Ok(agents.filter(|name| name.len() <= MAX_AGENTS_NAME).map(Address::Agent))
}

/// Takes from the headers whose hands act, where the body does not say it.
pub(crate) fn hands(headers: &HeaderMap, request: &mut Request) -> Result<()> {
    let Some(mode) = headers.get(&MODE).filter(|_| request.agent.mode.is_none()) else {
        return Ok(());
    };
    let wrong = |why: &str| Error::invalid(MODE.as_str(), format!("`{MODE}` {why}"));
    let mode = mode.to_str().map_err(|_| wrong("must be emulate or loop"))?;
    let mode = Mode::parse(mode.trim()).map_err(|why| wrong(&why))?;
    if mode == Mode::Loop && request.dialect == Dialect::OpenAiCompletions {
        return Err(wrong("loop: text completions know no tools"));
    }
    request.agent.mode = Some(mode);
    Ok(())
}

/// Names the run in a response's headers.
pub(crate) fn name_run(headers: &mut HeaderMap, id: Option<&str>) {
    if let Some(value) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert(RUN, value);
    }
}

/// Says in a response's headers what the answer had to do without.
pub(crate) fn lack(headers: &mut HeaderMap, degraded: &[String]) {
    if let Some(value) =
        HeaderValue::from_str(&degraded.join(", ")).ok().filter(|it| !it.is_empty())
    {
        headers.insert(DEGRADED, value);
    }
}

/// Names the conversation in a response's headers.
pub(crate) fn name(headers: &mut HeaderMap, id: Option<&str>) {
    if let Some(value) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert(CONVERSATION, value);
    }
}

/// Says in a response's headers how many tokens of its conversation a model is shown, and how that is known.
pub(crate) fn measure(headers: &mut HeaderMap, context: Option<(u64, Source)>) {
    let Some((tokens, source)) = context else { return };
    let source = match source {
        Source::Reported => "reported",
        Source::Counted => "counted",
        Source::Estimated => "estimated",
    };
    headers.insert(CONTEXT, tokens.into());
    headers.insert(count::SOURCE, HeaderValue::from_static(source));
}

/// Deletes a conversation, by its name or its id, with all that it went on from.
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    gateway.conversations().delete_session(&caller.tenant, &id).await?;
    Ok(Json(json!({ "id": id, "object": "session", "deleted": true })))
}

#[cfg(test)]
mod tests {
    use dormouse_core::chat::{Extensions, Original};

    use super::*;

    fn request(dialect: Dialect, body: &Value) -> Request {
        let fields = body.as_object().cloned().unwrap();
        let original = Some(Original { dialect, body: "{}".into() });
        Request { dialect, extensions: Extensions(fields), original, ..Request::default() }
    }

    fn named(pairs: &[(&'static str, &'static str)], dialect: Dialect) -> Option<Address> {
        let pairs = pairs.iter();
        let headers = pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        address(&headers.collect(), &mut request(dialect, &json!({}))).unwrap()
    }

    #[test]
    fn the_body_comes_before_headers_and_a_general_header_before_an_agents() {
        let all = [("x-session-id", "a"), ("x-claude-code-session-id", "b")];
        let agent = |name: &str| Some(Address::Agent(name.into()));
        assert_eq!(named(&all, Dialect::Anthropic), Some(Address::Named("a".into())));
        assert_eq!(named(&all[1..], Dialect::Anthropic), agent("b"));
        let subagent = [("x-claude-code-session-id", "b"), ("x-claude-code-agent-id", "c")];
        assert_eq!(named(&subagent, Dialect::Anthropic), agent("b/c"));
        let codex = [("session-id", "s"), ("thread-id", "t")];
        assert_eq!(named(&codex, Dialect::OpenAiResponses), agent("t"));
        assert_eq!(named(&codex, Dialect::OpenAiChat), None, "others mean something else by it");
        assert_eq!(named(&all, Dialect::OpenAiCompletions), None);

        let headers = HeaderMap::from_iter([(SESSION, HeaderValue::from_static("a"))]);
        let mut asked = request(Dialect::OpenAiChat, &json!({ "session_id": "z", "top": 1 }));
        let found = address(&headers, &mut asked).unwrap();
        assert_eq!(found, Some(Address::Named("z".into())));
        assert_eq!((asked.extensions.0.len(), asked.original), (1, None), "it is not sent on");
    }

    #[test]
    fn a_header_says_whose_hands_act_where_the_body_does_not() {
        let headers = |mode| HeaderMap::from_iter([(MODE, HeaderValue::from_static(mode))]);
        let mut asked = request(Dialect::OpenAiChat, &json!({}));
        hands(&headers("loop"), &mut asked).unwrap();
        assert_eq!(asked.agent.mode, Some(Mode::Loop));
        hands(&headers("emulate"), &mut asked).unwrap();
        assert_eq!(asked.agent.mode, Some(Mode::Loop), "that was said already");
        let error = hands(&headers("lop"), &mut request(Dialect::OpenAiChat, &json!({})));
        assert_eq!(error.unwrap_err().param(), Some("x-dormouse-mode"));
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        for (dialect, body) in [
            (Dialect::OpenAiChat, json!({ "session_id": 7 })),
            (Dialect::OpenAiCompletions, json!({ "session_id": "a" })),
        ] {
            let error = address(&HeaderMap::new(), &mut request(dialect, &body)).unwrap_err();
            assert_eq!(error.param(), Some("session_id"));
        }
    }
}
