//! The fleet's entries as [`super`] shows them, for the API's description
//! (ADR 0012). Nothing is made of these types; the test below compares them with
//! what is shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::fleet_document::schema::{
    BudgetPeriod, Failback, HostKind, KeyOrigin, LimitsEntry, OnDisconnect, RouteCredential, StickyScope,
};

/// A host.
#[derive(Debug, ToSchema)]
pub struct Host {
    /// Its id.
    pub host_id: String,
    /// What runs there.
    pub kind: HostKind,
    /// Where it is.
    pub base_url: String,
    /// Whether a special address is meant.
    pub allow_private: bool,
    /// Whether anything is sent to it.
    pub enabled: bool,
    /// Where the key of its admin API comes from.
    #[schema(required)]
    pub admin_key: Option<SecretOrigin>,
    /// The login at its admin API.
    #[schema(required)]
    pub login: Option<Login>,
    /// Where its shared gateway key comes from.
    #[schema(required)]
    pub gateway_key: Option<SecretOrigin>,
    /// Whether streams are asked for their usage.
    pub ask_usage: bool,
}

/// Where a secret comes from; the secret itself is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum SecretOrigin {
    /// `stored`: it was given itself.
    Stored(String),
    /// An environment variable.
    Env {
        /// Its name.
        env: String,
    },
    /// A file.
    File {
        /// Its path.
        file: String,
    },
}

/// A login at a host's admin API.
#[derive(Debug, ToSchema)]
pub struct Login {
    /// Its e-mail address.
    pub email: String,
    /// Where its password comes from.
    pub password: SecretOrigin,
}

/// A group.
#[derive(Debug, ToSchema)]
pub struct Group {
    /// Its id.
    pub logical_group_id: String,
    /// Whether it may be called.
    pub enabled: bool,
    /// Stickiness.
    pub sticky: Sticky,
    /// When a moved conversation goes back.
    pub failback: Failback,
    /// Whether another route is tried once after a timeout.
    pub retry_on_timeout: bool,
    /// What becomes of a request whose client went away.
    pub on_disconnect: OnDisconnect,
    /// With `drain`: for how long it is read on.
    #[schema(required)]
    pub drain_limit: Option<String>,
    /// Rates.
    pub limits: LimitsEntry,
    /// Budgets.
    pub budgets: Vec<Budget>,
    /// What consumers pay of the list price: a decimal.
    pub price_ratio: String,
}

/// Stickiness of a group.
#[derive(Debug, ToSchema)]
pub struct Sticky {
    /// What it is keyed by.
    pub scope: StickyScope,
    /// How long a binding lasts without use.
    pub ttl: String,
}

/// A budget.
#[derive(Debug, ToSchema)]
pub struct Budget {
    /// Of tokens.
    #[schema(nullable = false)]
    pub tokens: Option<u64>,
    /// Of money: a decimal.
    #[schema(nullable = false)]
    pub money: Option<String>,
    /// For how long.
    pub period: BudgetPeriod,
}

/// A route.
#[derive(Debug, ToSchema)]
pub struct Route {
    /// Its id.
    pub route_id: String,
    /// For people.
    pub name: String,
    /// The group it serves.
    pub logical_group_id: String,
    /// The model that clients name, or a prefix.
    pub public_model: String,
    /// The host it goes to.
    pub shadow_host_id: String,
    /// The group on the host: its id, or its name.
    pub shadow_group_id: String,
    /// The model on the host; the public one when empty.
    pub shadow_model: String,
    /// Its tier; lower is tried first.
    pub priority: u32,
    /// Its weight inside the tier; 0 drains it.
    pub weight: u32,
    /// Whose key is sent.
    pub credential: RouteCredential,
    /// Whether it may be used.
    pub enabled: bool,
    /// What the host takes.
    pub cost: Cost,
}

/// What a host takes, of the list price.
#[derive(Debug, ToSchema)]
pub struct Cost {
    /// The host's multiplier: a decimal.
    pub multiplier: String,
    /// What a unit of its credit costs: a decimal.
    pub recharge_ratio: String,
}

/// A consumer key.
#[derive(Debug, ToSchema)]
pub struct Key {
    /// Its id.
    pub key_id: String,
    /// For people.
    #[schema(required)]
    pub label: Option<String>,
    /// Who owns it.
    pub origin: KeyOrigin,
    /// Where its secret comes from.
    pub secret: SecretOrigin,
    /// Until when the secret before a rotation is good too.
    #[schema(required)]
    pub previous_secret_until: Option<String>,
    /// The groups it may call.
    pub logical_groups: Vec<String>,
    /// The models it may call, or prefixes; none means all of its groups.
    pub models: Vec<String>,
    /// The addresses and ranges it may call from; none means all.
    pub allowed_ips: Vec<String>,
    /// Whether it may be used.
    pub enabled: bool,
    /// The end of its life.
    #[schema(required)]
    pub expires_at: Option<String>,
    /// The subject of its requests when they name none.
    #[schema(required)]
    pub subject_id: Option<String>,
    /// The user on hosts for managed routes.
    #[schema(required)]
    pub subscription_user: Option<String>,
    /// Whether answers tell the route that served.
    pub expose_routing: bool,
    /// Rates.
    pub limits: LimitsEntry,
    /// Budgets.
    pub budgets: Vec<Budget>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use relay_domain::{Fleet, KeyHash, Secret, Timestamp};
    use serde_json::{Value, json};
    use utoipa::PartialSchema;

    use super::*;
    use crate::fleet_document::{FleetDocument, NoSecrets, Reading, read};
    use crate::view::{self, Fields};

    fn fleet() -> Fleet {
        let reading = Reading {
            current: &Fleet::default(),
            resolver: &NoSecrets,
            hash_key: &|_: &Secret| KeyHash([0; 32]),
            generate_key: &|| Secret::new("sk-made"),
            now: Timestamp::UNIX_EPOCH,
        };
        let document = json!({
            "host": [{"host_id": "a", "base_url": "https://a.example", "gateway_key": "k"}],
            "group": [{"logical_group_id": "g"}],
            "route": [{"route_id": "r", "logical_group_id": "g", "public_model": "m", "shadow_host_id": "a"}],
            "key": [{"key_id": "k", "logical_groups": ["g"]}],
        });
        read(&FleetDocument::from_json(document).unwrap(), &reading).unwrap().fleet
    }

    #[track_caller]
    fn same_fields<T: PartialSchema>(shown: &Fields) {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let described: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(described, shown.keys().collect());
        let required: BTreeSet<&str> =
            schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(required, shown.keys().map(String::as_str).collect(), "every field is always there");
    }

    #[test]
    fn the_description_has_the_fields_that_are_shown() {
        let fleet = fleet();
        same_fields::<Host>(&view::host(&fleet.hosts[0]));
        same_fields::<Group>(&view::group(&fleet.groups[0]));
        same_fields::<Route>(&view::route(&fleet.routes[0]));
        same_fields::<Key>(&view::key(&fleet.keys[0]));
    }
}
