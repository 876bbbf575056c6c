//! From the name that a caller uses to the models that may answer.
//!
//! 1. What the route says that the name means.
//! 2. A listed name: a model, an alias, a logical model.
//! 3. `provider/model`, unless that is switched off.
//! 4. The first pattern that matches.
//! 5. The default provider.
//!
//! Nothing is guessed: a name that is only similar to a known one is an error that says so.

use std::sync::Arc;

use super::{
    Catalog, Named,
    logical::Resolved,
    model::{Facts, Model, Place},
    problem::shortened,
    route::Route,
};
use crate::{Code, Error, Result, money::Price, near::did_you_mean};

impl Catalog {
    /// What `name` stands for in a request that came by `route`; an empty name is the default model.
    ///
    /// Fails with [`ModelNotFound`](Code::ModelNotFound), which lists names that are near, and with
    /// [`InvalidRequest`](Code::InvalidRequest) if there is neither a name nor a default.
    pub fn resolve(&self, name: &str, route: Option<&Route>) -> Result<Resolved> {
        self.named(self.meant(name, route, self.default_model.as_deref())?)
    }

    /// What a name stands for that [`meant`](Self::meant) gives.
    ///
    /// Fails with [`ModelNotFound`](Code::ModelNotFound), which lists names that are near.
    pub fn named(&self, meant: &str) -> Result<Resolved> {
        self.find(meant).ok_or_else(|| {
            let near = did_you_mean(meant, self.names.keys().map(String::as_str));
            let message = format!("there is no model `{}`{near}", shortened(meant));
            Error::new(Code::ModelNotFound, message).at("model")
        })
    }

    /// The name that `name` stands for in a request that came by `route`: if it is empty, the route's default
    /// or else `default`; if not, itself unless the route says otherwise.
    ///
    /// Fails with [`InvalidRequest`](Code::InvalidRequest) if there is neither a name nor a default.
    pub fn meant<'a>(
        &self,
        name: &'a str,
        route: Option<&'a Route>,
        default: Option<&'a str>,
    ) -> Result<&'a str> {
        if !name.is_empty() {
            return Ok(route.map_or(name, |route| route.meaning(name)));
        }
        let routes = route.and_then(|route| route.default_model.as_deref());
        routes.or(default).ok_or_else(|| {
            Error::invalid("model", "`model` is required, as the gateway has no default model")
        })
    }

    /// Whether `name` is listed: as a model, an alias or a logical model.
    pub fn lists(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// The model of this machine that is called `name` there, with what the catalog knows of it.
    pub fn on_machine(&self, name: &str) -> Arc<Model> {
        self.model_at(name, name, &Place::Machine)
    }

    fn find(&self, name: &str) -> Option<Resolved> {
        match self.names.get(name) {
            Some(Named::Model(model)) => return Some(Resolved::one(model)),
            Some(Named::Logical(at)) => return self.logical.get(*at).map(|it| Resolved::clone(it)),
            None => {}
        }
        let model = self.prefixed(name).or_else(|| {
            let pattern = self.patterns.iter().find(|it| it.pattern.matches(name));
            let place = pattern.map(|it| &it.place).or(self.default_provider.as_ref())?;
            Some(self.model_at(name, name, place))
        })?;
        Some(Resolved::one(&model))
    }

    /// The model that `provider/model` names.
    pub(super) fn prefixed(&self, name: &str) -> Option<Arc<Model>> {
        let (provider, upstream) = name.split_once('/').filter(|_| self.provider_prefix)?;
        let place = self.place(provider).filter(|_| !upstream.is_empty())?;
        Some(self.model_at(name, upstream, &place))
    }

    pub(super) fn place(&self, name: &str) -> Option<Place> {
        if name == Place::MACHINE {
            return Some(Place::Machine);
        }
        let provider = self.providers.iter().find(|provider| provider.name == name)?;
        Some(Place::Provider(Arc::clone(provider)))
    }

    /// The model that `place` calls `upstream`. What is known of it comes from the list if it is there,
    /// by whatever name, else from the first pattern of the same place that matches.
    fn model_at(&self, name: &str, upstream: &str, place: &Place) -> Arc<Model> {
        let same = |other: &Place| other.name() == place.name();
        let listed = self.models.iter().find(|it| it.upstream_model == upstream && same(&it.place));
        let pattern =
            || self.patterns.iter().find(|it| same(&it.place) && it.pattern.matches(upstream));
        let known = listed.map(|it| &it.facts).or_else(|| pattern().map(|it| &it.facts));
        let facts = known.cloned().unwrap_or_else(|| Facts {
            price: place.price().or_else(|| self.prices.of(upstream)),
            ..Facts::default()
        });
        Arc::new(Model {
            name: name.to_owned(),
            place: place.clone(),
            upstream_model: upstream.to_owned(),
            aliases: Vec::new(),
            facts,
        })
    }
}

impl Place {
    /// What its models cost that have no price of their own.
    pub(super) fn price(&self) -> Option<Price> {
        match self {
            Self::Provider(provider) => provider.price,
            Self::Machine => None,
        }
    }
}
