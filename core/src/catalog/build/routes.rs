//! Routes: whether each can be reached, and whether what they name is there.

use super::Build;
use crate::catalog::{
    file::{Meanings, ReachEntry, RouteEntry},
    path::Path,
    pattern::Pattern,
    problem::shortened,
    route::{Reach, Route},
};

impl Build<'_> {
    pub(super) fn routes(&mut self, entries: Vec<RouteEntry>, path: &Path) {
        for (at, entry) in entries.into_iter().enumerate() {
            let here = path.item(at);
            let reach = self.reach(entry.r#match, &here.field("match"));
            let earlier = self.catalog.routes.iter().position(|route| route.reach.covers(&reach));
            if let Some(earlier) = earlier {
                let earlier = path.item(earlier);
                let why = format!(
                    "is never reached: `{earlier}` takes every such request before; put the narrower one first"
                );
                self.note(&here.field("match"), why);
            }
            let default_model =
                entry.default_model.map(|name| self.known(name, &here.field("default_model")));
            let models = self.meanings(entry.models.unwrap_or_default(), &here.field("models"));
            let (protocol, mode) = (entry.protocol, entry.mode.map(|hands| hands.0));
            let around = entry.around.0;
            let route = Route { reach, protocol, default_model, mode, around, models };
            self.catalog.routes.push(route);
        }
    }

    fn reach(&mut self, entry: ReachEntry, path: &Path) -> Reach {
        if entry.host.is_none() && entry.path.is_none() && entry.methods.is_none() {
            self.note(path, "needs at least one of host, path and methods");
        }
        Reach {
            host: entry.host.map(|host| host.0),
            path: entry.path.map(|path| path.0),
            methods: entry.methods.unwrap_or_default().into_iter().map(|verb| verb.0).collect(),
        }
    }

    fn meanings(&mut self, entries: Meanings, path: &Path) -> Vec<(Pattern, String)> {
        let mut models: Vec<(Pattern, String)> = Vec::new();
        for (pattern, name) in entries.0 {
            let here = path.field(&pattern.to_string());
            if let Some((wider, _)) = models.iter().find(|(it, _)| it.covers(&pattern)) {
                let wider = shortened(&wider.to_string());
                let why = format!(
                    "is never reached: `{wider}` takes every such name before; put the narrower one first"
                );
                self.note(&here, why);
            }
            let name = self.known(name, &here);
            models.push((pattern, name));
        }
        models
    }
}
