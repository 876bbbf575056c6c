//! Stage 2: which provider answers, with which of its models, at what price?

use crate::{
    Code, Error, Result,
    chat::Request,
    inference::{LocalModels, Provider},
    money::Price,
    settings::Settings,
};

/// The longest name of a model, in bytes. Names are kept in holds, receipts and metrics.
const MAX_MODEL_BYTES: usize = 256;

/// Where a request goes.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) destination: Destination,
    pub(super) model: String,
    /// `None`: the model is free.
    pub(super) price: Option<Price>,
    /// The output limit where a call must have one and the request names none.
    pub(super) max_output_tokens: u32,
}

/// Who answers.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    /// A server that is simply there.
    Upstream(Provider),
    /// A model of this machine, which may have to be woken.
    Local {
        models: LocalModels,
        /// How many answers it is giving already.
        active: u32,
    },
}

pub(super) async fn route(
    upstream: Option<&Provider>,
    local: Option<&LocalModels>,
    settings: &Settings,
    request: &Request,
) -> Result<Route> {
    if upstream.is_none() && local.is_none() {
        return Err(Error::new(
            Code::UpstreamUnreachable,
            "no upstream is configured: start a model server and set DORMOUSE_UPSTREAM to its base URL",
        ));
    }
    let model = settings.model_of(&request.model).ok_or_else(|| {
        Error::invalid("model", "`model` is required, as the gateway has no default model")
    })?;
    if model.len() > MAX_MODEL_BYTES {
        let message = format!("`model` may have at most {MAX_MODEL_BYTES} bytes");
        return Err(Error::invalid("model", message));
    }
    let destination = match (sleeper(local, model).await, upstream) {
        (Some(sleeper), _) => sleeper,
        (None, Some(provider)) => Destination::Upstream(provider.clone()),
        (None, None) => {
            return Err(Error::new(Code::ModelNotFound, format!("there is no model `{model}`")));
        }
    };
    let price = settings.prices.of(model);
    let max_output_tokens = settings.max_output_tokens;
    Ok(Route { destination, model: model.to_owned(), price, max_output_tokens })
}

async fn sleeper(local: Option<&LocalModels>, model: &str) -> Option<Destination> {
    let models = local?;
    let server = models.servers().state(model).await?;
    Some(Destination::Local { models: models.clone(), active: server.active })
}
