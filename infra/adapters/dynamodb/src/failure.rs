//! What DynamoDB and the way to it report, in the gateway's terms.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Error as AwsError,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    types::CancellationReason,
};
use dormouse_core::{Code, Error};

use crate::item::Item;

/// Why a request was not answered as wished.
pub(crate) enum Failure {
    /// The condition of a single write failed. This is the item that it met.
    Condition(Option<Item>),
    /// A transaction was not begun, or undone: a reason for each of its items, perhaps an empty one.
    Cancelled(Vec<CancellationReason>),
    /// It had no effect, and may have one when it is made again.
    Busy(Error),
    /// Nobody knows whether it had an effect.
    Unknown(Error),
    /// It had no effect, and will have none.
    Useless(Error),
}

impl Failure {
    /// The error of what is not tried again.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Busy(error) | Self::Unknown(error) | Self::Useless(error) => error,
            Self::Condition(_) | Self::Cancelled(_) => busy(),
        }
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: ProvideErrorMetadata + Into<AwsError> + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let SdkError::ServiceError(service) = error else {
            let useless = matches!(error, SdkError::ConstructionFailure(_));
            let error = unavailable("the store cannot be reached").caused_by(error);
            return if useless { Self::Useless(error) } else { Self::Unknown(error) };
        };
        let status = service.raw().status().as_u16();
        let code = service.err().code().map(str::to_owned);
        match (service.into_err().into(), code.as_deref()) {
            (AwsError::ConditionalCheckFailedException(failed), _) => Self::Condition(failed.item),
            (AwsError::TransactionCanceledException(cancelled), _) => {
                Self::Cancelled(cancelled.cancellation_reasons.unwrap_or_default())
            }
            (
                error,
                Some(
                    "LimitExceededException"
                    | "ProvisionedThroughputExceededException"
                    | "RequestLimitExceeded"
                    | "ThrottlingException"
                    | "TransactionConflictException"
                    | "TransactionInProgressException",
                ),
            ) => Self::Busy(busy().caused_by(error)),
            (error, Some("ResourceNotFoundException")) => {
                let message = "the store's table does not exist: create it, or add create=true to the URL of the store";
                Self::Useless(unavailable(message).caused_by(error))
            }
            (error, _) => {
                let error = unavailable("the store refused to work").caused_by(error);
                if status >= 500 { Self::Unknown(error) } else { Self::Useless(error) }
            }
        }
    }
}

/// Others keep the store busy.
pub(crate) fn busy() -> Error {
    unavailable("the store is overloaded")
}

pub(crate) fn unavailable(message: &'static str) -> Error {
    Error::new(Code::StoreUnavailable, message).retry_after(Duration::from_secs(1))
}
