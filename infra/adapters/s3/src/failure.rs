//! What S3 and the way to it report, in the gateway's terms.

use std::time::Duration;

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use dormouse_core::{Code, Error};

/// What S3 answered, where it says something about the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There is none.
    Missing,
    /// There is one already.
    Taken,
    /// Somebody else is writing or deleting it at this moment.
    Contested,
    /// It has no byte where the range begins.
    Beyond,
}

/// What `error` says about the object, or the error that a caller sees.
///
/// Codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
pub(crate) fn answer<E>(error: SdkError<E, HttpResponse>) -> Result<Answer, Error>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(service) = &error else {
        return Err(unavailable("the store of blobs cannot be reached").caused_by(error));
    };
    // The answer to a HEAD has no body to hold a code.
    let status = service.raw().status().as_u16();
    match (status, service.err().code()) {
        (404, Some("NoSuchBucket")) => {
            let message = "the bucket of the store of blobs does not exist: create it";
            Err(unavailable(message).caused_by(error))
        }
        (404, _) => Ok(Answer::Missing),
        (412, _) => Ok(Answer::Taken),
        (409, _) => Ok(Answer::Contested),
        (416, _) => Ok(Answer::Beyond),
        _ => Err(unavailable("the store of blobs refused to work").caused_by(error)),
    }
}

/// The error of a request whose answer says nothing about an object.
pub(crate) fn failed<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer(error) {
        Err(error) => error,
        Ok(answer) => unavailable("the store of blobs gave an unexpected answer")
            .caused_by(format!("{answer:?}")),
    }
}

pub(crate) fn unavailable(message: &'static str) -> Error {
    Error::new(Code::StoreUnavailable, message).retry_after(Duration::from_secs(1))
}
