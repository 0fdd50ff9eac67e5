//! The fields of a fleet document for the API's description (ADR 0012).
//!
//! Reading walks a generic value so that it can note all faults at once, and so
//! there is no type to derive a schema from: these types say the same in one
//! place, and nothing is read into them. The test below asks the reader itself
//! which fields it knows, so that neither can have one that the other lacks.
//! Everywhere `null` is as good as leaving a field out.

use serde::Serialize;
use utoipa::ToSchema;

/// A fleet document: everything that is meant to be.
#[derive(Debug, ToSchema)]
pub struct FleetFile {
    /// The hosts.
    pub host: Option<Vec<HostEntry>>,
    /// The groups.
    pub group: Option<Vec<GroupEntry>>,
    /// The routes.
    pub route: Option<Vec<RouteEntry>>,
    /// The consumer keys; those made over the API may be left out.
    pub key: Option<Vec<KeyEntry>>,
}

/// A `[[host]]` of the fleet file.
#[derive(Debug, ToSchema)]
pub struct HostEntry {
    /// Letters, digits and `. _ - : @`, at most 128 bytes.
    #[schema(pattern = r"^\s*[A-Za-z0-9._:@-]{1,128}\s*$", example = "tokyo-1")]
    pub host_id: String,
    /// What runs there.
    pub kind: Option<HostKind>,
    /// Scheme, authority and an optional path prefix; a trailing `/` or `/v1` is tolerated.
    #[schema(example = "https://tokyo-1.example.com")]
    pub base_url: String,
    /// Whether a loopback, private or other special address is meant.
    pub allow_private: Option<bool>,
    /// Whether anything is sent to it; `true` when left out.
    pub enabled: Option<bool>,
    /// Key of its admin API; of a `sub2api` host alone.
    pub admin_key: Option<SecretEntry>,
    /// Login at its admin API, in place of `admin_key`.
    pub login: Option<LoginEntry>,
    /// The key that routes with `credential = "host_key"` send.
    pub gateway_key: Option<SecretEntry>,
    /// Whether streams are asked for their usage; `true` when left out.
    pub ask_usage: Option<bool>,
}

/// What runs on a host.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum HostKind {
    /// Relay and admin API.
    Sub2api,
    /// Any OpenAI-compatible server: relay only.
    OpenAi,
}

/// A login at a host's admin API.
#[derive(Debug, ToSchema)]
pub struct LoginEntry {
    /// Its e-mail address.
    pub email: String,
    /// Its password.
    pub password: SecretEntry,
}

/// A secret: where it is, or itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum SecretEntry {
    /// The secret itself.
    Literal(String),
    /// In an environment variable of the server.
    Env {
        /// The variable.
        env: String,
        /// Its value, when the server cannot see it.
        #[schema(nullable = false)]
        value: Option<String>,
    },
    /// In a file of the server.
    File {
        /// The path.
        file: String,
        /// Its content, when the server cannot see it.
        #[schema(nullable = false)]
        value: Option<String>,
    },
    /// As it is stored.
    Keep {
        /// Always `true`.
        keep: bool,
    },
}

/// A `[[group]]` of the fleet file.
#[derive(Debug, ToSchema)]
pub struct GroupEntry {
    /// Letters, digits and `. _ - : @`, at most 128 bytes.
    #[schema(pattern = r"^\s*[A-Za-z0-9._:@-]{1,128}\s*$", example = "gpt")]
    pub logical_group_id: String,
    /// Whether it may be called; `true` when left out.
    pub enabled: Option<bool>,
    /// What stickiness is keyed by, and for how long a binding lasts.
    pub sticky: Option<StickyEntry>,
    /// When a moved conversation goes back to its best route.
    pub failback: Option<Failback>,
    /// Whether another route is tried once after a timeout, which the first host may bill.
    pub retry_on_timeout: Option<bool>,
    /// What becomes of a request whose client went away.
    pub on_disconnect: Option<OnDisconnect>,
    /// With `drain`: for how long it is read on.
    #[schema(example = "30s")]
    pub drain_limit: Option<String>,
    /// Rates.
    pub limits: Option<LimitsEntry>,
    /// Budgets.
    pub budgets: Option<Vec<BudgetEntry>>,
    /// What consumers pay of the list price.
    pub price_ratio: Option<DecimalEntry>,
}

/// Stickiness of a group.
#[derive(Debug, ToSchema)]
pub struct StickyEntry {
    /// What it is keyed by.
    pub scope: Option<StickyScope>,
    /// How long a binding lasts without use.
    #[schema(example = "1h")]
    pub ttl: Option<String>,
}

/// What stickiness is keyed by.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum StickyScope {
    /// The user.
    User,
    /// The conversation.
    Conversation,
    /// Nothing is sticky.
    None,
}

/// When a moved conversation goes back.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Failback {
    /// Never.
    Never,
    /// After ten minutes without a request.
    Idle,
    /// When the binding runs out.
    Ttl,
}

/// What becomes of a request whose client went away.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum OnDisconnect {
    /// It is ended at once.
    Drop,
    /// It is read on for a while, to learn its usage.
    Drain,
}

/// Rates; what is left out is unlimited.
#[derive(Debug, ToSchema)]
pub struct LimitsEntry {
    /// Requests a minute.
    pub rpm: Option<u64>,
    /// Tokens a minute.
    pub tpm: Option<u64>,
    /// Tokens a day.
    pub tpd: Option<u64>,
    /// Requests at once.
    pub concurrency: Option<u32>,
}

/// A budget: of tokens, or of money.
#[derive(Debug, ToSchema)]
pub struct BudgetEntry {
    /// Input and output tokens.
    pub tokens: Option<u64>,
    /// Money in the unit of the price table.
    pub money: Option<DecimalEntry>,
    /// For how long.
    pub period: BudgetPeriod,
}

/// How long a budget is for; it begins anew with each, in UTC.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum BudgetPeriod {
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
}

/// A decimal as text, or a whole number: a float could not hold it exactly.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(example = "0.85")]
pub enum DecimalEntry {
    /// As text.
    Text(String),
    /// A whole number.
    Whole(u64),
}

/// A `[[route]]` of the fleet file.
#[derive(Debug, ToSchema)]
pub struct RouteEntry {
    /// Letters, digits and `. _ - : @`, at most 128 bytes.
    #[schema(pattern = r"^\s*[A-Za-z0-9._:@-]{1,128}\s*$", example = "gpt-tokyo")]
    pub route_id: String,
    /// For people; the id when left out.
    pub name: Option<String>,
    /// The group it serves.
    #[schema(example = "gpt")]
    pub logical_group_id: String,
    /// The model that clients name, or a prefix such as `gpt-5*`.
    #[schema(example = "gpt-5")]
    pub public_model: String,
    /// The host it goes to.
    #[schema(example = "tokyo-1")]
    pub shadow_host_id: String,
    /// The group on the host: its id, or its name.
    pub shadow_group_id: Option<ShadowGroupEntry>,
    /// The model on the host; the public one when empty.
    pub shadow_model: Option<String>,
    /// Its tier, lower is tried first; 1 when left out.
    #[schema(maximum = 1_000_000)]
    pub priority: Option<u32>,
    /// Its weight inside the tier, 0 drains it; 100 when left out.
    #[schema(maximum = 1_000_000)]
    pub weight: Option<u32>,
    /// Whose key is sent.
    pub credential: Option<RouteCredential>,
    /// Whether it may be used; `true` when left out.
    pub enabled: Option<bool>,
    /// What the host takes.
    pub cost: Option<CostEntry>,
}

/// A group on a host.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ShadowGroupEntry {
    /// Its id or name.
    Text(String),
    /// Its id.
    Id(u64),
}

/// Whose key a route sends.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum RouteCredential {
    /// The host's `gateway_key`.
    HostKey,
    /// One that Relay Manager obtains for the consumer's subscription user.
    Managed,
    /// The caller's own.
    Caller,
}

/// What a host takes, of the list price.
#[derive(Debug, ToSchema)]
pub struct CostEntry {
    /// The host's multiplier.
    pub multiplier: Option<DecimalEntry>,
    /// What a unit of its credit costs.
    pub recharge_ratio: Option<DecimalEntry>,
}

/// A `[[key]]` of the fleet file.
#[derive(Debug, ToSchema)]
pub struct KeyEntry {
    /// Letters, digits and `. _ - : @`, at most 128 bytes.
    #[schema(pattern = r"^\s*[A-Za-z0-9._:@-]{1,128}\s*$", example = "team-a")]
    pub key_id: String,
    /// Left out: the stored one, or one is made and shown once.
    pub secret: Option<SecretEntry>,
    /// The groups it may call, in the order in which a bare model is looked up.
    #[schema(example = json!(["gpt"]), min_items = 1)]
    pub logical_groups: Vec<String>,
    /// Whether it may be used; `true` when left out.
    pub enabled: Option<bool>,
    /// The end of its life: a time with a zone.
    #[schema(example = "2027-01-31T00:00:00Z")]
    pub expires_at: Option<String>,
    /// The subject of its requests when they name none.
    pub subject_id: Option<String>,
    /// The user on hosts for routes with `credential = "managed"`.
    pub subscription_user: Option<String>,
    /// Whether answers tell the route that served.
    pub expose_routing: Option<bool>,
    /// For people.
    pub label: Option<String>,
    /// `api` keys stay when a fleet file does not name them.
    pub origin: Option<KeyOrigin>,
    /// The models it may call, or prefixes; none means all of its groups.
    pub models: Option<Vec<String>>,
    /// The addresses and ranges it may call from; none means all.
    pub allowed_ips: Option<Vec<String>>,
    /// Rates.
    pub limits: Option<LimitsEntry>,
    /// Budgets.
    pub budgets: Option<Vec<BudgetEntry>>,
}

/// Who owns a key.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum KeyOrigin {
    /// The fleet file.
    File,
    /// The API.
    Api,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use relay_domain::{Fleet, KeyHash, Secret, Timestamp};
    use serde_json::{Value, json};
    use utoipa::PartialSchema;

    use super::*;
    use crate::fleet_document::{FleetDocument, NoSecrets, Reading, read};

    /// What the reader says is to be done about a field.
    fn remedy(path: &str, document: Value) -> String {
        let reading = Reading {
            current: &Fleet::default(),
            resolver: &NoSecrets,
            hash_key: &|_: &Secret| KeyHash([0; 32]),
            generate_key: &|| Secret::new("sk-made"),
            now: Timestamp::UNIX_EPOCH,
        };
        let faults = read(&FleetDocument::from_json(document).unwrap(), &reading).unwrap_err().into_kept();
        faults.into_iter().find(|fault| fault.path == path).expect("it has a fault").remedy()
    }

    /// The fields that the reader names when it is given one that it does not know.
    fn known_to_the_reader(path: &str, document: Value) -> BTreeSet<String> {
        let remedy = remedy(&format!("{path}.zzz"), document);
        let (_, fields) = remedy.split_once("the fields here are ").unwrap();
        fields.split(", ").map(str::to_owned).collect()
    }

    fn described<T: PartialSchema>() -> BTreeSet<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn the_description_has_the_fields_that_the_reader_knows() {
        let host = json!({"host": [{"zzz": 1}]});
        assert_eq!(described::<HostEntry>(), known_to_the_reader("host[0]", host));
        let login = json!({"host": [{"login": {"zzz": 1}}]});
        assert_eq!(described::<LoginEntry>(), known_to_the_reader("host[0].login", login));
        // What belongs to draining is known only with it.
        let group = json!({"group": [{"zzz": 1, "on_disconnect": "drain"}]});
        assert_eq!(described::<GroupEntry>(), known_to_the_reader("group[0]", group));
        let sticky = json!({"group": [{"sticky": {"zzz": 1}}]});
        assert_eq!(described::<StickyEntry>(), known_to_the_reader("group[0].sticky", sticky));
        let limits = json!({"group": [{"limits": {"zzz": 1}}]});
        assert_eq!(described::<LimitsEntry>(), known_to_the_reader("group[0].limits", limits));
        let budget = json!({"group": [{"budgets": [{"zzz": 1, "period": "day"}]}]});
        assert_eq!(described::<BudgetEntry>(), known_to_the_reader("group[0].budgets[0]", budget));
        let route = json!({"route": [{"zzz": 1}]});
        assert_eq!(described::<RouteEntry>(), known_to_the_reader("route[0]", route));
        let cost = json!({"route": [{"cost": {"zzz": 1}}]});
        assert_eq!(described::<CostEntry>(), known_to_the_reader("route[0].cost", cost));
        let key = json!({"key": [{"zzz": 1}]});
        assert_eq!(described::<KeyEntry>(), known_to_the_reader("key[0]", key));
    }

    #[test]
    fn the_description_has_the_sections_of_a_document() {
        let sections = crate::fleet_document::SECTIONS.map(|(name, _)| name.to_owned());
        assert_eq!(described::<FleetFile>(), BTreeSet::from(sections));
    }

    /// The words of an enumeration, and those that the reader takes for the field.
    #[track_caller]
    fn same_words<T: PartialSchema>(field: &str, document: Value) {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let words: Vec<String> = serde_json::from_value(schema["enum"].clone()).unwrap();
        assert_eq!(remedy(field, document), format!("use {}", words.join(", ")));
    }

    #[test]
    fn the_description_has_the_words_that_the_reader_knows() {
        same_words::<HostKind>("host[0].kind", json!({"host": [{"kind": "zzz"}]}));
        same_words::<StickyScope>("group[0].sticky.scope", json!({"group": [{"sticky": {"scope": "zzz"}}]}));
        same_words::<Failback>("group[0].failback", json!({"group": [{"failback": "zzz"}]}));
        same_words::<OnDisconnect>("group[0].on_disconnect", json!({"group": [{"on_disconnect": "zzz"}]}));
        same_words::<BudgetPeriod>("group[0].budgets[0].period", json!({"group": [{"budgets": [{"period": "zzz"}]}]}));
        same_words::<RouteCredential>("route[0].credential", json!({"route": [{"credential": "zzz"}]}));
        same_words::<KeyOrigin>("key[0].origin", json!({"key": [{"origin": "zzz"}]}));
    }
}
