//! Routes whose model their host does not have, as it was seen when it was last looked at.
//!
//! A finding and no fault: what a host shows may be old, or not all that it takes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use relay_domain::{Fleet, Host, HostId, ModelPattern, Route};
use relay_store::{HostObject, StoreError};

use crate::Control;
use crate::fleet_document::Finding;

impl Control {
    /// What is on record of the hosts of some fleets that have a record at all.
    pub(crate) async fn host_records(
        &self,
        fleets: &[&[Host]],
    ) -> Result<BTreeMap<HostId, Vec<HostObject>>, StoreError> {
        let hosts: BTreeSet<HostId> = fleets.iter().copied().flatten().map(|host| host.id.clone()).collect();
        let mut records = BTreeMap::new();
        for host in hosts {
            let objects = self.parts.store.host_objects(&host).await?;
            if !objects.is_empty() {
                records.insert(host, objects);
            }
        }
        Ok(records)
    }
}

/// Enabled routes whose model is not among those that the host's group showed.
pub(crate) fn findings(fleet: &Fleet, records: &BTreeMap<HostId, Vec<HostObject>>) -> Vec<Finding> {
    let catalogs: HashMap<&HostId, Catalog<'_>> =
        records.iter().map(|(host, objects)| (host, Catalog::of(objects))).collect();
    let enabled = fleet.routes.iter().filter(|route| route.enabled);
    enabled.filter_map(|route| finding(route, catalogs.get(&route.host)?)).collect()
}

/// The models of a host's groups.
struct Catalog<'r> {
    /// Group ids by name.
    ids: HashMap<&'r str, &'r str>,
    /// Models by group id.
    models: HashMap<&'r str, Vec<&'r str>>,
}

impl<'r> Catalog<'r> {
    fn of(objects: &'r [HostObject]) -> Self {
        let of = |kind: &'static str| objects.iter().filter(move |object| object.kind == kind);
        let mut models: HashMap<&str, Vec<&str>> = HashMap::new();
        for object in of("model").filter(|object| object.misses == 0) {
            if let Some((group, model)) = object.name.split_once('/') {
                models.entry(group).or_default().push(model);
            }
        }
        let named = of("group").filter_map(|group| Some((group.document["name"].as_str()?, group.name.as_str())));
        Self { ids: named.collect(), models }
    }
}

fn finding(route: &Route, catalog: &Catalog<'_>) -> Option<Finding> {
    let asked = match (&route.public_model, route.shadow_model.as_str()) {
        (ModelPattern::Exact(name), "") => name.as_str(),
        // Which models it is for, only requests tell.
        (ModelPattern::Prefix(_), "") => return None,
        (_, shadow) => shadow,
    };
    let group = route.shadow_group.as_str();
    let models = catalog.models.get(group).or_else(|| catalog.models.get(catalog.ids.get(group)?))?;
    if models.contains(&asked) {
        return None;
    }
    Some(Finding::warning(
        "model_not_on_host",
        format!("route \"{}\"", route.id),
        format!(
            "host \"{}\" showed {} models in group {group}, and \"{asked}\" is none of them",
            route.host,
            models.len()
        ),
        "correct shadow_model, or add the model on the host and look again with `host sync`",
    ))
}

#[cfg(test)]
mod tests {
    use relay_domain::{CredentialMode, GroupId, RouteCost, RouteId, Timestamp};
    use serde_json::json;

    use super::*;

    fn route(public: &str, group: &str, shadow: &str) -> Route {
        Route {
            id: RouteId::new("r").unwrap(),
            name: "r".to_owned(),
            group: GroupId::new("gpt").unwrap(),
            public_model: ModelPattern::parse(public).unwrap(),
            host: HostId::new("tokyo").unwrap(),
            shadow_group: group.to_owned(),
            shadow_model: shadow.to_owned(),
            priority: 1,
            weight: 100,
            credential: CredentialMode::Managed,
            enabled: true,
            cost: RouteCost::default(),
        }
    }

    fn found(route: Route) -> Option<String> {
        let object = |kind: &str, name: &str, document: serde_json::Value| HostObject {
            kind: kind.to_owned(),
            name: name.to_owned(),
            document,
            first_at: Timestamp::UNIX_EPOCH,
            observed_at: Timestamp::UNIX_EPOCH,
            misses: u32::from(name == "12/gone"),
        };
        let objects = vec![
            object("group", "12", json!({"name": "gpt-pool"})),
            object("model", "12/gpt-5", json!({"listed": true})),
            object("model", "12/gone", json!({"listed": true})),
        ];
        let fleet = Fleet { routes: vec![route], ..Fleet::default() };
        let found = findings(&fleet, &BTreeMap::from([(HostId::new("tokyo").unwrap(), objects)]));
        found.into_iter().next().map(|finding| finding.line())
    }

    #[test]
    fn a_model_that_the_hosts_group_does_not_show_is_told() {
        assert_eq!(found(route("gpt-5", "12", "")), None);
        assert_eq!(found(route("gpt-6", "gpt-pool", "gpt-5")), None);
        let told = "route \"r\": host \"tokyo\" showed 1 models in group gpt-pool, and \"gpt-6\" is none of them";
        assert_eq!(found(route("gpt-6", "gpt-pool", "")).as_deref(), Some(told));
        assert!(found(route("gpt-*", "12", "gone")).is_some(), "it was missed at the last look");
    }

    #[test]
    fn what_nobody_knows_is_no_finding() {
        assert_eq!(found(route("gpt-*", "12", "")), None);
        assert_eq!(found(route("gpt-6", "13", "")), None);
        assert_eq!(found(route("gpt-6", "", "")), None);
    }
}
