//! Stage 1: who calls?

use crate::{
    Code, Error, Result,
    keys::{Caller, Fingerprint, Keys},
    rates::Limits,
};

/// The tenant of the fixed administrator's key.
const DEFAULT_TENANT: &str = "default";
/// Its id.
const FIXED: &str = "fixed";

pub(super) async fn identify(
    fixed: Option<&Fingerprint>,
    keys: &Keys,
    credential: Option<&str>,
) -> Result<Caller> {
    let Some(credential) = credential else {
        return Err(Error::new(
            Code::Unauthenticated,
            "an API key is required: send `Authorization: Bearer <key>` or `x-api-key: <key>`",
        ));
    };
    if fixed.is_some_and(|fixed| fixed.matches(credential)) {
        return Ok(administrator());
    }
    keys.verify(credential)
        .await?
        .ok_or_else(|| Error::new(Code::Unauthenticated, "the API key is not valid"))
}

/// Who showed the key of this id, for work that goes on without them: with the rights that the key has now.
pub(super) async fn again(
    fixed: Option<&Fingerprint>,
    keys: &Keys,
    (tenant, key): (&str, &str),
) -> Result<Caller> {
    let caller = match key {
        FIXED => fixed.map(|_| administrator()),
        key => match keys.get(key).await {
            Err(error) if error.code() == Code::NotFound => None,
            key => Some(key?.caller()),
        },
    };
    caller.filter(|caller| caller.tenant == tenant).ok_or_else(|| {
        Error::new(Code::Unauthenticated, "the API key of the request is not valid any more")
    })
}

fn administrator() -> Caller {
    Caller {
        tenant: DEFAULT_TENANT.into(),
        key: FIXED.into(),
        budget: None,
        limits: Limits::default(),
        mode: None,
        tools: None,
        admin: true,
    }
}
