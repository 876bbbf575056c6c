//! Who is calling: `Authorization: Bearer <key>` (RFC 6750) or `x-api-key: <key>` to [`Caller`].

use axum::extract::FromRequestParts;
use dormouse_core::{Code, Error, gateway::Gateway, keys::Caller};
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};

use crate::problem::Problem;

/// A [`Caller`] that has proven who it is. Handlers can get one in no other way.
#[derive(Debug)]
pub(crate) struct Authenticated(pub(crate) Caller);

/// An [`Authenticated`] caller that may administer the gateway.
#[derive(Debug)]
pub(crate) struct Administrator(pub(crate) Caller);

impl FromRequestParts<Gateway> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        Ok(Self(gateway.identify(credential(&parts.headers)).await?))
    }
}

impl FromRequestParts<Gateway> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        let Authenticated(caller) = Authenticated::from_request_parts(parts, gateway).await?;
        if caller.admin {
            Ok(Self(caller))
        } else {
            Err(Error::new(Code::Forbidden, "this needs an administrator's key").into())
        }
    }
}

/// Whose things are meant: the caller's own, or if an administrator asks, those of the tenant that is
/// `asked` for.
pub(crate) fn tenant_of(caller: &Caller, asked: Option<String>) -> String {
    asked.filter(|_| caller.admin).unwrap_or_else(|| caller.tenant.clone())
}

/// The credential that a request carries.
pub(crate) fn credential(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, credential) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim())
    });
    let key = || headers.get("x-api-key")?.to_str().ok();
    bearer.or_else(key).filter(|credential| !credential.is_empty())
}
