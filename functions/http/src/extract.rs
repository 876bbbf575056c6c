//! Parts of URLs, with our errors instead of axum's.

use axum::extract::{self, FromRequestParts};
use dormouse_core::{Error, gateway::Gateway};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The variables of a route's path.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

/// The parameters behind the question mark.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Gateway> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        match extract::Path::from_request_parts(parts, gateway).await {
            Ok(extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Error::invalid("path", rejection.body_text()).into()),
        }
    }
}

impl<T: DeserializeOwned> FromRequestParts<Gateway> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        match extract::Query::from_request_parts(parts, gateway).await {
            Ok(extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Error::invalid("query", rejection.body_text()).into()),
        }
    }
}
