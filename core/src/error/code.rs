//! The catalogue of errors: every code a client may meet, what it means and what helps.

/// What a caller can do about an error. The HTTP surface maps each kind to one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The request is malformed or asks for something contradictory.
    Invalid,
    /// No credential, or one that does not verify.
    Unauthenticated,
    /// A valid credential without the right to do this.
    Forbidden,
    /// The named thing does not exist, or may not be known to exist.
    NotFound,
    /// The path exists, for another method.
    MethodNotAllowed,
    /// The thing changed since the caller last read it.
    Conflict,
    /// The request is larger than a limit.
    TooLarge,
    /// A limit on rate, concurrency or money is reached; waiting helps.
    Limited,
    /// A defect in the gateway.
    Internal,
    /// A provider failed or cannot be reached.
    Upstream,
    /// Something the request depends on is down; waiting helps.
    Unavailable,
    /// A provider did not answer in time.
    Timeout,
}

macro_rules! codes {
    ($($variant:ident, $code:literal, $kind:ident, $remedy:literal;)*) => {
        /// The stable, machine-readable name of a situation. Clients match on
        /// [`as_str`](Self::as_str), so codes are only added.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $remedy] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the published catalogue.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code that clients see as `text`.
            pub fn named(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }

            /// The code as clients see it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// What the caller can do about it.
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind),* }
            }

            /// What helps, in one sentence.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy),* }
            }
        }
    };
}

codes! {
    InvalidRequest, "invalid_request", Invalid, "Correct the field that `param` names.";
    Unauthenticated, "unauthenticated", Unauthenticated, "Send a valid API key as `Authorization: Bearer …` or `x-api-key`.";
    Forbidden, "forbidden", Forbidden, "Use a key that has the right to do this.";
    ReadOnlyKey, "read_only_key", Forbidden, "Leave the key out: only the settings of the process say its value.";
    RouteNotFound, "route_not_found", NotFound, "Check the path against the API reference.";
    ModelNotFound, "model_not_found", NotFound, "Use a model that `GET /v1/models` lists.";
    NotFound, "not_found", NotFound, "Check the id; it may be deleted, expired or of another tenant.";
    PreviousResponseNotFound, "previous_response_not_found", Invalid, "Send the whole conversation as `input`; the response is deleted, expired, was not stored, or is of another tenant.";
    MethodNotAllowed, "method_not_allowed", MethodNotAllowed, "Use the method that the API reference gives for this path.";
    Conflict, "conflict", Conflict, "Read the current state and try again.";
    ConversationBusy, "conversation_busy", Conflict, "Another request is being answered in this conversation: retry after the given delay.";
    ConversationArchived, "conversation_archived", Conflict, "The conversation was compacted and can only be read: go on with the one that `successor` names.";
    ConversationTooLong, "conversation_too_long", TooLarge, "Compact the conversation, or begin another.";
    BodyTooLarge, "body_too_large", TooLarge, "Send a smaller request, or raise the gateway's body limit.";
    OverQuota, "over_quota", TooLarge, "Delete files that are not needed, or raise the gateway's quota of files.";
    OverBudget, "over_budget", Limited, "Wait for running requests to settle, ask for fewer output tokens, or raise the key's budget.";
    RateLimited, "rate_limited", Limited, "Retry after the given delay, or raise the rate limit of the tenant or the key.";
    Busy, "busy", Limited, "All worker slots are taken: retry after the given delay.";
    UpstreamRateLimited, "upstream_rate_limited", Limited, "The provider limits its rate: retry after the given delay.";
    UpstreamRejected, "upstream_rejected", Invalid, "The provider refused the request: its own message says why.";
    ContextOverflow, "context_overflow", Invalid, "Send a shorter conversation, or use a model with a larger context window.";
    UpstreamNotFound, "upstream_not_found", NotFound, "The provider does not know the model: use one that `GET /v1/models` lists.";
    UpstreamTooLarge, "upstream_too_large", TooLarge, "The provider accepts only smaller requests.";
    UpstreamCredential, "upstream_credential", Upstream, "The provider refused the gateway's own credential: the operator must renew it.";
    UpstreamFailed, "upstream_failed", Upstream, "The provider failed: retry, or use another model.";
    UpstreamUnreachable, "upstream_unreachable", Upstream, "The provider cannot be reached: check that it runs and that the gateway's upstream URL is right.";
    UpstreamInvalid, "upstream_invalid", Upstream, "The provider's answer broke its own protocol: retry, or use another model.";
    UpstreamTimeout, "upstream_timeout", Timeout, "The provider did not answer in time: retry, or raise the gateway's upstream timeouts.";
    UpstreamUnavailable, "upstream_unavailable", Unavailable, "The provider is loading or overloaded: retry after the given delay.";
    Stopping, "stopping", Unavailable, "The gateway is stopping: send the request again, to another instance.";
    ModelWaking, "model_waking", Unavailable, "The model is being started: retry after the given delay, or stream, which waits as long as it takes.";
    RunAbandoned, "run_abandoned", Unavailable, "Each process that worked on the run has died: send the request again, and report it if it happens again.";
    StoreUnavailable, "store_unavailable", Unavailable, "The gateway's store is down, so nothing is admitted: retry later.";
    SandboxUnavailable, "sandbox_unavailable", Unavailable, "Nothing holds programs here: the operator must set DORMOUSE_SANDBOX, or see to the sandbox that it names.";
    Internal, "internal", Internal, "A defect in the gateway: report it with the correlation id.";
}
