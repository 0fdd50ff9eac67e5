//! A look at everything on a host that concerns us, recorded, and compared with what is meant to
//! be (`host sync`). Nothing is written to the host: grants that are found broken are ensured anew, by the way
//! of every grant.

use std::collections::{BTreeMap, BTreeSet};

use relay_domain::{Host, Route, Timestamp};
use relay_hosts::admin::{
    AccountFilter, AdminClient, Group, HostKey, RemoteGroupId, Subscription, SubscriptionFilter, Support,
};
use relay_store::{AccessKey, Grant, GrantFilter, GrantState, HostObject, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::drift::{Compared, Drift, compare};
use super::mapping::Mappings;
use super::objects::Seen;
use super::progress::Work;
use super::{HostError, admin};
use crate::Control;
use crate::page::{Key, Page, PageRequest};

/// Grants read at once.
const PAGE: u32 = 1_000;

/// What a look at a host found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Synced {
    /// The host.
    pub host_id: String,
    /// When.
    pub at: Timestamp,
    /// Groups seen.
    pub groups: usize,
    /// Models seen, over all groups in use.
    pub models: usize,
    /// Subscriptions seen in the groups in use.
    pub subscriptions: usize,
    /// Keys seen in the groups in use.
    pub keys: usize,
    /// Where the host differs from what is meant to be.
    pub drift: Vec<Drift>,
    /// Grants that are ensured anew because of it.
    pub ensured: usize,
    /// What could not be looked at, in words.
    pub problems: Vec<String>,
}

/// Everything that was read.
#[derive(Default)]
struct Look {
    seen: Seen,
    groups: Vec<Group>,
    subscriptions: Vec<Subscription>,
    keys: Vec<HostKey>,
    read_groups: BTreeSet<i64>,
    problems: Vec<String>,
}

impl Control {
    /// Looks at a host, records what is there, and tells how it differs from what is meant to be.
    ///
    /// # Errors
    /// When its groups cannot be read, or the store fails. What else cannot be read is told in the answer.
    pub async fn sync_host(&self, id: &str, actor: &str) -> Result<Synced, HostError> {
        self.kept(id, "sync", actor, self.look_over(id, actor)).await
    }

    async fn look_over(&self, id: &str, actor: &str) -> Result<Synced, HostError> {
        let host = self.reached(id)?;
        let store = &self.parts.store;
        let recorded = store.host_objects(&host.id).await?;
        let grants = self.grants_of(&host).await?;
        let in_force = self.in_force.load_full();
        let mut routes: Vec<(&Route, Option<i64>)> = Vec::new();
        for route in in_force.fleet.routes.iter().filter(|route| route.host == host.id && route.enabled) {
            routes.push((route, self.known_group_id(route).await?));
        }
        let mut in_use: BTreeSet<i64> = grants.iter().map(|(grant, _)| grant.name.group_id).collect();
        in_use.extend(routes.iter().filter_map(|(_, group)| *group));

        let work = self.begin_work(&host, "sync");
        let look = self.look_at(&host, &in_use, &grants, &work).await?;
        let now = self.now();
        let (drift, broken) = compare(&Compared {
            now,
            tag: self.parts.managed.tag(),
            recorded: &recorded,
            seen: &look.seen,
            groups: &look.groups,
            subscriptions: &look.subscriptions,
            keys: &look.keys,
            routes: &routes,
            grants: &grants,
            read_groups: &look.read_groups,
        });
        store.put_host_objects(&host.id, &look.seen.merged_into(&recorded, now)).await?;
        self.note_multipliers(&host, &look.groups, now).await?;
        self.parts.managed.look_again(&broken);
        let details = json!({ "host_id": host.id.as_str(), "drift": drift.len(), "ensured": broken.len() });
        let (subject, summary) = (format!("host:{}", host.id), format!("looked at host \"{}\"", host.id));
        self.audit_about(&[subject], actor, "host.sync", summary, details).await?;
        Ok(Synced {
            host_id: host.id.to_string(),
            at: now,
            groups: look.seen.count("group"),
            models: look.seen.count("model"),
            subscriptions: look.subscriptions.len(),
            keys: look.keys.len(),
            drift,
            ensured: broken.len(),
            problems: look.problems,
        })
    }

    /// What was last seen on a host.
    ///
    /// # Errors
    /// When there is no such host, or the store fails.
    pub async fn host_objects(
        &self,
        id: &str,
        kind: Option<&str>,
        request: &PageRequest<Key<(String, String)>>,
    ) -> Result<Page<HostObject>, HostError> {
        let host = self.reached(id)?;
        let mut objects = self.parts.store.host_objects(&host.id).await?;
        let key = |object: &HostObject| (object.kind.clone(), object.name.clone());
        objects.retain(|object| kind.is_none_or(|kind| object.kind == kind) && request.is_ahead(&key(object)));
        Ok(Page::of(objects, request.limit, |object| Key(key(object)).to_string()))
    }

    /// Every grant of a host with its key in use.
    pub(super) async fn grants_of(&self, host: &Host) -> Result<Vec<(Grant, Option<AccessKey>)>, StoreError> {
        let filter = GrantFilter { host: Some(host.id.clone()), ..GrantFilter::default() };
        let mut grants: Vec<(Grant, Option<AccessKey>)> = Vec::new();
        loop {
            let after = grants.last().map(|(grant, _)| grant.id);
            let page = self.parts.store.grants_with_keys(&filter, after, PAGE).await?;
            if page.is_empty() {
                return Ok(grants);
            }
            grants.extend(page);
        }
    }

    async fn known_group_id(&self, route: &Route) -> Result<Option<i64>, StoreError> {
        if let Ok(id) = route.shadow_group.parse() {
            return Ok(Some(id));
        }
        let recorded = self.parts.managed.recorded_group(&route.host, &route.shadow_group).await?;
        Ok(recorded.and_then(|id| id.parse().ok()))
    }

    async fn look_at(
        &self,
        host: &Host,
        in_use: &BTreeSet<i64>,
        grants: &[(Grant, Option<AccessKey>)],
        work: &Work,
    ) -> Result<Look, HostError> {
        let client = self.parts.managed.hosts().client(host);
        // The groups, each of those in use, and the accounts.
        let parts = in_use.len() + 2;
        work.at(0, parts, "reading groups");
        let mut look = Look { groups: client.groups().await.map_err(admin(host))?, ..Look::default() };
        look.seen.all("group", "", look.groups.iter().map(|group| (group.id.to_string(), group_document(group))));
        let capabilities = self.parts.managed.hosts().capabilities(host).await.map_err(admin(host))?;
        if capabilities.capacity_summary == Support::Yes {
            look.capacities(&client).await;
        }
        for (index, group) in in_use.iter().enumerate() {
            work.at(index + 1, parts, format!("reading group {group}"));
            look.group(&client, *group).await;
            let key = grants.iter().find_map(|(grant, key)| {
                let is_good = grant.name.group_id == *group && grant.state == GrantState::Ready;
                key.as_ref().filter(|_| is_good)?.secret.as_ref()
            });
            match key {
                Some(key) => match client.key_models(key).await {
                    Ok(models) => look.models(*group, models),
                    Err(error) => look.problems.push(format!("the models of group {group}: {error}")),
                },
                None => look.problems.push(format!("the models of group {group}: no managed key to ask with")),
            }
        }
        work.at(parts - 1, parts, "reading accounts");
        let honors_wildcards = capabilities.honors_wildcards();
        look.mapped_models(&client, in_use, honors_wildcards).await;
        Ok(look)
    }
}

impl Look {
    async fn capacities(&mut self, client: &AdminClient) {
        match client.group_capacities().await {
            Ok(capacities) => self.seen.some(
                "capacity",
                capacities.into_iter().map(|capacity| {
                    let document = json!({
                        "concurrency_used": capacity.concurrency_used, "concurrency_max": capacity.concurrency_max,
                        "sessions_used": capacity.sessions_used, "sessions_max": capacity.sessions_max,
                        "rpm_used": capacity.rpm_used, "rpm_max": capacity.rpm_max,
                    });
                    (capacity.group_id.to_string(), document)
                }),
            ),
            Err(error) => self.problems.push(format!("the capacity of the groups: {error}")),
        }
    }

    /// Subscriptions and keys of a group.
    async fn group(&mut self, client: &AdminClient, id: i64) {
        let group = RemoteGroupId(id);
        let filter = SubscriptionFilter { group: Some(group), ..SubscriptionFilter::default() };
        let (subscriptions, keys) = match (client.subscriptions(&filter).await, client.group_keys(group).await) {
            (Ok(subscriptions), Ok(keys)) => (subscriptions, keys),
            (Err(error), _) | (_, Err(error)) => {
                return self.problems.push(format!("subscriptions and keys of group {id}: {error}"));
            }
        };
        // A host that shows neither is not believed to have lost all of ours at once.
        if !subscriptions.is_empty() && !keys.is_empty() {
            self.read_groups.insert(id);
        }
        // A host that does not know the filter answers with somebody else's rows.
        self.subscriptions.extend(subscriptions.into_iter().filter(|row| row.group_id == group));
        self.keys.extend(keys.into_iter().filter(|row| row.group_id == Some(group)));
    }

    fn models(&mut self, group: i64, models: Vec<String>) {
        let named = models.into_iter().map(|model| (format!("{group}/{model}"), json!({ "listed": true })));
        self.seen.all("model", &format!("{group}/"), named);
    }

    /// Names that accounts of a group take, also when no list shows them.
    async fn mapped_models(&mut self, client: &AdminClient, in_use: &BTreeSet<i64>, honors_wildcards: bool) {
        let accounts = match client.accounts(&AccountFilter::default()).await {
            Ok(accounts) => accounts,
            Err(error) => return self.problems.push(format!("the accounts' mappings of models: {error}")),
        };
        for group in in_use {
            let mappings = Mappings::of(&accounts, *group, honors_wildcards);
            let mut mapped: BTreeMap<String, Value> = BTreeMap::new();
            for name in mappings.names() {
                let name_on_host = format!("{group}/{name}");
                let listed = self.seen.get("model", &name_on_host).is_some();
                mapped.insert(name_on_host, json!({ "listed": listed, "maps_to": mappings.target(name) }));
            }
            // What a pattern does to a name that the host lists is seen there as well.
            let prefix = format!("{group}/");
            let listed = self.seen.of("model", &prefix).map(|(name, _)| name[prefix.len()..].to_owned());
            for name in listed.collect::<Vec<_>>() {
                if let Some(target) = mappings.target(&name) {
                    mapped.insert(format!("{group}/{name}"), json!({ "listed": true, "maps_to": target }));
                }
            }
            self.seen.some("model", mapped);
        }
    }
}

fn group_document(group: &Group) -> Value {
    json!({
        "name": group.name, "platform": group.platform, "status": format!("{:?}", group.status).to_lowercase(),
        "subscription_type": group.subscription_type, "rate_multiplier": group.rate_multiplier,
        "daily_limit_usd": group.daily_limit_usd, "weekly_limit_usd": group.weekly_limit_usd,
        "monthly_limit_usd": group.monthly_limit_usd, "account_count": group.account_count,
    })
}
