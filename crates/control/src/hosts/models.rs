//! Models of a host's group into routes of a logical group, with a preview: adds what has no route yet, and tells
//! of routes whose model is gone. Routes that are there are not touched (field note 51).

use std::collections::BTreeMap;

use relay_domain::Route;
use serde::Serialize;
use serde_json::json;

use super::HostError;
use super::objects::GONE;
use crate::Control;
use crate::edit::{Edit, Noun};
use crate::view;

/// One model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelChange {
    /// The name that clients are given.
    pub public_model: String,
    /// The name on the host.
    pub shadow_model: String,
    /// The route that has it, or would.
    pub route_id: String,
}

/// What syncing models would do, or did.
#[derive(Clone, Debug, Serialize)]
pub struct ModelSync {
    /// Without a route so far.
    pub added: Vec<ModelChange>,
    /// With a route, whatever its upper and lower case.
    pub present: Vec<ModelChange>,
    /// Routes whose model the group does not list any more; left as they are.
    pub gone: Vec<ModelChange>,
    /// The generation that has the added routes; absent in a preview, or when there are none.
    pub generation: Option<u64>,
}

impl Control {
    /// Compares the models that were last seen in a group of a host with the routes of a logical group to it. With
    /// `apply` the missing routes are published, each like the group's other routes to that host.
    ///
    /// # Errors
    /// When host or group are unknown, or it cannot be published.
    pub async fn sync_models(
        &self,
        host: &str,
        shadow_group: &str,
        logical_group: &str,
        apply: bool,
        actor: &str,
    ) -> Result<ModelSync, HostError> {
        let host = self.reached(host)?;
        let snapshot = self.snapshot();
        if snapshot.group(logical_group).is_none() {
            return Err(HostError::NotFound(format!("there is no group \"{logical_group}\"")));
        }
        let group_id = match self.parts.managed.recorded_group(&host.id, shadow_group).await? {
            Some(id) => id,
            None => shadow_group.to_owned(),
        };
        let prefix = format!("{group_id}/");
        let objects = self.parts.store.host_objects(&host.id).await?;
        let seen = objects.iter().filter(|object| object.kind == "model" && object.misses < GONE);
        let models: Vec<&str> = seen.filter_map(|object| object.name.strip_prefix(&prefix)).collect();
        if models.is_empty() {
            let message = format!(
                "no models of group \"{shadow_group}\" of host \"{}\" are on record; `host sync` looks for them",
                host.id
            );
            return Err(HostError::NotFound(message));
        }
        let routes: Vec<&Route> = (snapshot.routes().iter().map(|entry| &entry.route))
            .filter(|route| route.host == host.id && route.group.as_str() == logical_group)
            .filter(|route| route.shadow_group == shadow_group || route.shadow_group == group_id)
            .collect();
        let mut sync = compare(&models, &routes, &format!("{logical_group}-{}", host.id));
        if apply && !sync.added.is_empty() {
            let like = routes.first().copied();
            sync.generation =
                Some(self.add_routes(&sync.added, like, (&host.id, shadow_group, logical_group), actor).await?);
        }
        Ok(sync)
    }

    async fn add_routes(
        &self,
        added: &[ModelChange],
        like: Option<&Route>,
        (host, shadow_group, logical_group): (&relay_domain::HostId, &str, &str),
        actor: &str,
    ) -> Result<u64, HostError> {
        let create = |change: &ModelChange| {
            let mut route = json!({
                "route_id": change.route_id, "logical_group_id": logical_group, "public_model": change.public_model,
                "shadow_host_id": host.as_str(), "shadow_group_id": shadow_group, "shadow_model": change.shadow_model,
                "credential": like.map_or("managed", |like| like.credential.as_str()),
            });
            if let Some(like) = like {
                route["priority"] = like.priority.into();
                route["weight"] = like.weight.into();
            }
            Edit::create(Noun::Route, view::fields(route))
        };
        let edits: Vec<Edit> = added.iter().map(create).collect();
        Ok(self.edit(&edits, actor).await?.generation)
    }
}

/// The three lists. Names are the same whatever their case.
fn compare(models: &[&str], routes: &[&Route], prefix: &str) -> ModelSync {
    let asked = |route: &Route| match (&*route.shadow_model, &route.public_model) {
        ("", relay_domain::ModelPattern::Exact(name)) => Some(name.clone()),
        ("", relay_domain::ModelPattern::Prefix(_)) => None,
        (name, _) => Some(name.to_owned()),
    };
    let routed: BTreeMap<String, &Route> =
        routes.iter().filter_map(|route| Some((asked(route)?.to_lowercase(), *route))).collect();
    let listed: BTreeMap<String, &str> = models.iter().map(|model| (model.to_lowercase(), *model)).collect();
    let known = |route: &Route, model: &str| ModelChange {
        public_model: route.public_model.to_string(),
        shadow_model: model.to_owned(),
        route_id: route.id.to_string(),
    };
    let fresh = |model: &str| ModelChange {
        public_model: model.to_owned(),
        shadow_model: model.to_owned(),
        route_id: slug(&format!("{prefix}-{model}")),
    };
    let (mut added, mut present, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (folded, model) in &listed {
        // A prefix route serves a model that no route names.
        let by_prefix =
            || routes.iter().copied().find(|route| asked(route).is_none() && route.public_model.matches(model));
        match routed.get(folded).copied().or_else(by_prefix) {
            Some(route) => present.push(known(route, model)),
            None => added.push(fresh(model)),
        }
    }
    for (folded, route) in routed.iter().filter(|(folded, _)| !listed.contains_key(*folded)) {
        gone.push(known(route, folded));
    }
    ModelSync { added, present, gone, generation: None }
}

/// Ids hold letters, digits, dots, dashes and underscores.
fn slug(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' })
        .take(64)
        .collect()
}
