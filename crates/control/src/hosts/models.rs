//! Models of a host's group into routes of a logical group, with a preview: adds what has no route yet, and tells
//! of routes whose model is gone. Routes that are there are not touched (field note 51).

use std::collections::BTreeMap;

use relay_domain::Route;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::HostError;
use super::mapping::{EVERY_MODEL, fits, is_pattern};
use super::objects::GONE;
use crate::Control;
use crate::edit::{Edit, Noun};
use crate::view;

/// One model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelChange {
    /// The name that clients are given; `gpt-5*` for all that begin so.
    pub public_model: String,
    /// The name on the host; empty with a pattern, where it is the one that is asked for.
    pub shadow_model: String,
    /// What an account of the host makes of it, where that is another name.
    #[schema(required)]
    pub maps_to: Option<String>,
    /// The route that has it, or would.
    pub route_id: String,
}

/// What syncing models would do, or did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelSync {
    /// Without a route so far.
    pub added: Vec<ModelChange>,
    /// With a route, whatever its upper and lower case.
    pub present: Vec<ModelChange>,
    /// Routes whose model the group does not list any more; left as they are.
    pub gone: Vec<ModelChange>,
    /// The generation that has the added routes; absent in a preview, or when there are none.
    #[schema(required)]
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
        let models: BTreeMap<&str, Option<&str>> = seen
            .filter_map(|object| Some((object.name.strip_prefix(&prefix)?, object.document["maps_to"].as_str())))
            .collect();
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
/// Of patterns too: a route by prefix is what makes one of a host's patterns a route of ours.
fn compare(models: &BTreeMap<&str, Option<&str>>, routes: &[&Route], prefix: &str) -> ModelSync {
    let asked = |route: &Route| match (&*route.shadow_model, &route.public_model) {
        ("", relay_domain::ModelPattern::Exact(name)) => Some(name.clone()),
        ("", relay_domain::ModelPattern::Prefix(_)) => None,
        (name, _) => Some(name.to_owned()),
    };
    let routed: BTreeMap<String, &Route> =
        routes.iter().filter_map(|route| Some((asked(route)?.to_lowercase(), *route))).collect();
    let listed: BTreeMap<String, (&str, Option<&str>)> =
        models.iter().map(|(model, target)| (model.to_lowercase(), (*model, *target))).collect();
    let change = |model: &str, public_model: String, route_id: String| ModelChange {
        public_model,
        shadow_model: if is_pattern(model) { String::new() } else { model.to_owned() },
        maps_to: listed.get(&model.to_lowercase()).and_then(|(_, target)| target.map(str::to_owned)),
        route_id,
    };
    let known = |route: &Route, model: &str| change(model, route.public_model.to_string(), route.id.to_string());
    let (mut added, mut present, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (folded, (model, _)) in &listed {
        // A prefix route serves a model that no route names, and a pattern that begins like it.
        let serves = |route: &Route| {
            let name = model.strip_suffix('*').unwrap_or(model);
            asked(route).is_none() && route.public_model.matches(name)
        };
        match routed.get(folded).copied().or_else(|| routes.iter().copied().find(|route| serves(route))) {
            Some(route) => present.push(known(route, model)),
            // That a group takes every name is no reason to give every name to customers.
            None if *model == EVERY_MODEL => {}
            None => added.push(change(model, (*model).to_owned(), slug(&format!("{prefix}-{model}")))),
        }
    }
    let is_listed = |folded: &String| listed.contains_key(folded) || listed.keys().any(|pattern| fits(pattern, folded));
    for (folded, route) in routed.iter().filter(|(folded, _)| !is_listed(folded)) {
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

#[cfg(test)]
mod tests {
    use relay_domain::ModelPattern;

    use super::*;

    fn route(id: &str, public: &str, shadow: &str) -> Route {
        Route {
            id: relay_domain::RouteId::new(id).unwrap(),
            name: id.to_owned(),
            group: relay_domain::GroupId::new("gpt").unwrap(),
            public_model: ModelPattern::parse(public).unwrap(),
            host: relay_domain::HostId::new("a").unwrap(),
            shadow_group: "7".to_owned(),
            shadow_model: shadow.to_owned(),
            priority: 1,
            weight: 1,
            credential: relay_domain::CredentialMode::Managed,
            enabled: true,
            cost: relay_domain::RouteCost::default(),
        }
    }

    #[track_caller]
    fn check(models: &[(&str, Option<&str>)], routes: &[Route], expected: [&[&str]; 3]) {
        let routes: Vec<&Route> = routes.iter().collect();
        let sync = compare(&models.iter().copied().collect(), &routes, "gpt-a");
        let told = |changes: &[ModelChange]| {
            let told = changes.iter().map(|it| {
                let target = it.maps_to.as_ref().map(|target| format!(" > {target}")).unwrap_or_default();
                format!("{}={}{target} {}", it.public_model, it.shadow_model, it.route_id)
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!([told(&sync.added), told(&sync.present), told(&sync.gone)], expected.map(<[&str]>::to_vec));
    }

    #[test]
    fn a_pattern_of_the_host_becomes_a_route_by_prefix() {
        check(
            &[("gpt-5*", Some("gpt-5-2025")), ("o3", None), ("*", None)],
            &[],
            [&["gpt-5*= > gpt-5-2025 gpt-a-gpt-5-", "o3=o3 gpt-a-o3"], &[], &[]],
        );
    }

    #[test]
    fn what_a_pattern_takes_is_not_gone_and_what_a_prefix_route_serves_is_not_new() {
        let routes = [route("mini", "mini", "GPT-5-mini"), route("all", "o3*", ""), route("old", "old", "gpt-4")];
        check(
            &[("gpt-5*", None), ("o3", None), ("o3-pro*", None)],
            &routes,
            [&["gpt-5*= gpt-a-gpt-5-"], &["o3*=o3 all", "o3*= all"], &["old=gpt-4 old"]],
        );
    }
}
