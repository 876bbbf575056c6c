//! Stage 1: who calls?

use crate::{
    Code, Error, Result,
    keys::{Caller, Fingerprint, Keys},
    rates::Limits,
};

/// The tenant of the fixed administrator's key.
const DEFAULT_TENANT: &str = "default";

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
        return Ok(Caller {
            tenant: DEFAULT_TENANT.into(),
            key: "fixed".into(),
            budget: None,
            limits: Limits::default(),
            admin: true,
        });
    }
    keys.verify(credential)
        .await?
        .ok_or_else(|| Error::new(Code::Unauthenticated, "the API key is not valid"))
}
