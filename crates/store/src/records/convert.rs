//! Between nouns and records. Reading checks everything: a database may have
//! been edited by hand, and a fault must name the row.

use std::fmt::Display;
use std::time::Duration;

use relay_domain::{
    AdminAccess, Amount, BaseUrl, Budget, ConsumerKey, CredentialMode, Failback, Group, GroupId, Host, HostId,
    HostKind, KeyHash, KeyId, KeyOrigin, Limits, ModelPattern, Money, OnDisconnect, Period, PreviousSecret, Ratio,
    Route, RouteCost, RouteId, SecretSource, Sticky, StoredSecret, Timestamp, key as keys,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BudgetRecord, GroupRecord, HostRecord, KeyRecord, RouteRecord};
use crate::{Keyring, StoreError};

pub(super) fn seal_host(host: &Host, keyring: &Keyring) -> HostRecord {
    let seal = |name: &str, stored: &StoredSecret| {
        (keyring.seal(&owner(host.id.as_str(), name), &stored.secret), source_text(&stored.source))
    };
    let (admin_email, admin) = match &host.admin {
        None => (None, None),
        Some(AdminAccess::Key(key)) => (None, Some(seal(ADMIN_KEY, key))),
        Some(AdminAccess::Login { email, password }) => (Some(email.clone()), Some(seal(ADMIN_PASSWORD, password))),
    };
    let (admin_secret, admin_source) = admin.unzip();
    let (gateway_key, gateway_key_source) = host.gateway_key.as_ref().map(|key| seal(GATEWAY_KEY, key)).unzip();
    HostRecord {
        host_id: host.id.to_string(),
        kind: host.kind.as_str().to_owned(),
        base_url: host.base_url.to_string(),
        allow_private: host.allow_private,
        enabled: host.enabled,
        admin_email,
        admin_secret,
        admin_source,
        gateway_key,
        gateway_key_source,
        ask_usage: host.ask_usage,
    }
}

pub(super) fn open_host(record: HostRecord, keyring: &Keyring) -> Result<Host, StoreError> {
    let at = Place { noun: "host", id: &record.host_id };
    let open = |name: &str, sealed: &str, source: Option<&str>| {
        let what = owner(&record.host_id, name);
        let secret = keyring.open(&what, sealed).map_err(|source| StoreError::Sealed { what, source })?;
        Ok::<_, StoreError>(StoredSecret { secret, source: at.source(source.unwrap_or("value"))? })
    };
    let admin_source = record.admin_source.as_deref();
    let admin = match (record.admin_email, &record.admin_secret) {
        (None, None) => None,
        (None, Some(sealed)) => Some(AdminAccess::Key(open(ADMIN_KEY, sealed, admin_source)?)),
        (Some(email), Some(sealed)) => {
            Some(AdminAccess::Login { email, password: open(ADMIN_PASSWORD, sealed, admin_source)? })
        }
        (Some(_), None) => return Err(at.corrupt("admin_email", "has no password beside it")),
    };
    let gateway_key = match &record.gateway_key {
        None => None,
        Some(sealed) => Some(open(GATEWAY_KEY, sealed, record.gateway_key_source.as_deref())?),
    };
    Ok(Host {
        id: at.check("host_id", HostId::new(&record.host_id))?,
        kind: at.one_of("kind", &record.kind, &[HostKind::Sub2api, HostKind::OpenAi], HostKind::as_str)?,
        base_url: at.check("base_url", BaseUrl::parse(&record.base_url))?,
        allow_private: record.allow_private,
        enabled: record.enabled,
        admin,
        gateway_key,
        ask_usage: record.ask_usage,
    })
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn group_record(group: &Group) -> GroupRecord {
    GroupRecord {
        logical_group_id: group.id.to_string(),
        enabled: group.enabled,
        sticky_scope: group.sticky.scope.as_str().to_owned(),
        sticky_ttl_us: micros(group.sticky.ttl),
        failback: group.failback.as_str().to_owned(),
        retry_on_timeout: group.retry_on_timeout,
        drain_limit_us: group.on_disconnect.drain_limit().map(micros),
        rpm: group.limits.rpm.map(u64::cast_signed),
        tpm: group.limits.tpm.map(u64::cast_signed),
        tpd: group.limits.tpd.map(u64::cast_signed),
        concurrency: group.limits.concurrency.map(i64::from),
        budgets: budget_records(&group.limits),
        price_ratio: group.price_ratio.millionths().cast_signed(),
    }
}

pub(super) fn group(record: &GroupRecord) -> Result<Group, StoreError> {
    let at = Place { noun: "group", id: &record.logical_group_id };
    let failbacks = [Failback::Never, Failback::Idle, Failback::Ttl];
    Ok(Group {
        id: at.check("logical_group_id", GroupId::new(&record.logical_group_id))?,
        enabled: record.enabled,
        sticky: Sticky {
            scope: at.check("sticky_scope", record.sticky_scope.parse())?,
            ttl: Duration::from_micros(at.check("sticky_ttl_us", u64::try_from(record.sticky_ttl_us))?),
        },
        failback: at.one_of("failback", &record.failback, &failbacks, Failback::as_str)?,
        retry_on_timeout: record.retry_on_timeout,
        on_disconnect: match record.drain_limit_us {
            None => OnDisconnect::Drop,
            Some(us) => OnDisconnect::Drain(Duration::from_micros(at.check("drain_limit_us", u64::try_from(us))?)),
        },
        limits: Limits {
            rpm: record.rpm.map(i64::cast_unsigned),
            tpm: record.tpm.map(i64::cast_unsigned),
            tpd: record.tpd.map(i64::cast_unsigned),
            concurrency: at.check("concurrency", record.concurrency.map(u32::try_from).transpose())?,
            budgets: at.budgets(&record.budgets)?,
        },
        price_ratio: at.ratio("price_ratio", record.price_ratio)?,
    })
}

fn budget_records(limits: &Limits) -> String {
    let record = |budget: &Budget| {
        let (tokens, money_nanos) = match budget.amount {
            Amount::Tokens(tokens) => (Some(tokens), None),
            Amount::Money(money) => (None, Some(money.nanos())),
        };
        BudgetRecord { tokens, money_nanos, period: budget.period.as_str().to_owned() }
    };
    list_text(limits.budgets.iter().map(record))
}

fn list_text<T: Serialize>(items: impl Iterator<Item = T>) -> String {
    serde_json::to_string(&items.collect::<Vec<_>>()).expect("texts and numbers have a JSON form")
}

pub(super) fn route_record(route: &Route) -> RouteRecord<'_> {
    RouteRecord {
        route_id: route.id.as_str().into(),
        name: route.name.as_str().into(),
        logical_group_id: route.group.as_str().into(),
        public_model: match &route.public_model {
            ModelPattern::Exact(name) => name.as_str().into(),
            prefix @ ModelPattern::Prefix(_) => prefix.to_string().into(),
        },
        host_id: route.host.as_str().into(),
        shadow_group: route.shadow_group.as_str().into(),
        shadow_model: route.shadow_model.as_str().into(),
        priority: route.priority.into(),
        weight: route.weight.into(),
        credential: route.credential.as_str().into(),
        enabled: route.enabled,
        multiplier: route.cost.multiplier.millionths().cast_signed(),
        recharge_ratio: route.cost.recharge_ratio.millionths().cast_signed(),
    }
}

pub(super) fn route(record: RouteRecord<'_>) -> Result<Route, StoreError> {
    let at = Place { noun: "route", id: &record.route_id };
    let modes = [CredentialMode::HostKey, CredentialMode::Managed, CredentialMode::Caller];
    Ok(Route {
        id: at.check("route_id", RouteId::new(&record.route_id))?,
        group: at.check("logical_group_id", GroupId::new(&record.logical_group_id))?,
        public_model: at.check("public_model", ModelPattern::parse(&record.public_model))?,
        host: at.check("host_id", HostId::new(&record.host_id))?,
        priority: at.check("priority", u32::try_from(record.priority))?,
        weight: at.check("weight", u32::try_from(record.weight))?,
        credential: at.one_of("credential", &record.credential, &modes, CredentialMode::as_str)?,
        enabled: record.enabled,
        cost: RouteCost {
            multiplier: at.ratio("multiplier", record.multiplier)?,
            recharge_ratio: at.ratio("recharge_ratio", record.recharge_ratio)?,
        },
        name: record.name.into_owned(),
        shadow_group: record.shadow_group.into_owned(),
        shadow_model: record.shadow_model.into_owned(),
    })
}

pub(super) fn key_record(key: &ConsumerKey) -> KeyRecord {
    // The limits keep their bits: the columns are signed, the numbers are not.
    KeyRecord {
        key_id: key.id.to_string(),
        hash: hex::encode(key.hash.0),
        source: source_text(&key.source),
        enabled: key.enabled,
        expires_at: key.expires_at.map(Timestamp::as_microsecond),
        groups: key.groups.iter().map(ToString::to_string).collect(),
        subject_id: key.subject_id.clone(),
        subscription_user: key.subscription_user.clone(),
        expose_routing: key.expose_routing,
        rpm: key.limits.rpm.map(u64::cast_signed),
        tpm: key.limits.tpm.map(u64::cast_signed),
        tpd: key.limits.tpd.map(u64::cast_signed),
        concurrency: key.limits.concurrency.map(i64::from),
        label: key.label.clone(),
        origin: key.origin.as_str().to_owned(),
        previous_hash: key.previous.map(|previous| hex::encode(previous.hash.0)),
        previous_until: key.previous.map(|previous| previous.until.as_microsecond()),
        models: list_text(key.models.iter().map(ToString::to_string)),
        allowed_ips: list_text(key.allowed_ips.iter().map(keys::ip_range_text)),
        budgets: budget_records(&key.limits),
    }
}

pub(super) fn key(record: KeyRecord) -> Result<ConsumerKey, StoreError> {
    let at = Place { noun: "key", id: &record.key_id };
    let previous = match (&record.previous_hash, record.previous_until) {
        (Some(hash), Some(until)) => Some(PreviousSecret {
            hash: at.hash("previous_hash", hash)?,
            until: at.check("previous_until", Timestamp::from_microsecond(until))?,
        }),
        _ => None,
    };
    let expires_at = record.expires_at.map(Timestamp::from_microsecond).transpose();
    Ok(ConsumerKey {
        id: at.check("key_id", KeyId::new(&record.key_id))?,
        label: record.label,
        origin: at.one_of("origin", &record.origin, &[KeyOrigin::File, KeyOrigin::Api], KeyOrigin::as_str)?,
        hash: at.hash("hash", &record.hash)?,
        previous,
        source: at.source(&record.source)?,
        enabled: record.enabled,
        expires_at: at.check("expires_at", expires_at)?,
        groups: record
            .groups
            .iter()
            .map(|group| at.check("logical_groups", GroupId::new(group)))
            .collect::<Result<_, _>>()?,
        models: at
            .list::<String>("models", &record.models)?
            .iter()
            .map(|model| at.check("models", ModelPattern::parse(model)))
            .collect::<Result<_, _>>()?,
        allowed_ips: at
            .list::<String>("allowed_ips", &record.allowed_ips)?
            .iter()
            .map(|range| at.check("allowed_ips", keys::parse_ip_range(range)))
            .collect::<Result<_, _>>()?,
        expose_routing: record.expose_routing,
        limits: Limits {
            rpm: record.rpm.map(i64::cast_unsigned),
            tpm: record.tpm.map(i64::cast_unsigned),
            tpd: record.tpd.map(i64::cast_unsigned),
            concurrency: at.check("concurrency", record.concurrency.map(u32::try_from).transpose())?,
            budgets: at.budgets(&record.budgets)?,
        },
        subject_id: record.subject_id,
        subscription_user: record.subscription_user,
    })
}

// What a sealed value belongs to is part of its seal: these names are format.
const ADMIN_KEY: &str = "admin_key";
const ADMIN_PASSWORD: &str = "admin_password";
const GATEWAY_KEY: &str = "gateway_key";

fn owner(host_id: &str, name: &str) -> String {
    format!("host/{host_id}/{name}")
}

fn source_text(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("env:{name}"),
        SecretSource::File(path) => format!("file:{path}"),
        SecretSource::Value => "value".to_owned(),
    }
}

/// The record being read, for the error that names it.
#[derive(Clone, Copy)]
struct Place<'a> {
    noun: &'static str,
    id: &'a str,
}

impl Place<'_> {
    fn corrupt(self, field: &str, reason: impl Display) -> StoreError {
        StoreError::Corrupt { what: format!("{} {}", self.noun, self.id), reason: format!("{field} {reason}") }
    }

    fn check<T, E: Display>(self, field: &str, result: Result<T, E>) -> Result<T, StoreError> {
        result.map_err(|reason| self.corrupt(field, reason))
    }

    fn one_of<T: Copy>(
        self,
        field: &str,
        text: &str,
        known: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<T, StoreError> {
        let found = known.iter().copied().find(|value| name(*value) == text);
        found.ok_or_else(|| self.corrupt(field, format_args!("is {text:?}, which this version does not know")))
    }

    fn hash(self, field: &str, text: &str) -> Result<KeyHash, StoreError> {
        let mut hash = [0; 32];
        self.check(field, hex::decode_to_slice(text, &mut hash))?;
        Ok(KeyHash(hash))
    }

    fn ratio(self, field: &str, millionths: i64) -> Result<Ratio, StoreError> {
        self.check(field, u64::try_from(millionths)).map(Ratio::from_millionths)
    }

    fn list<T: DeserializeOwned>(self, field: &str, text: &str) -> Result<Vec<T>, StoreError> {
        self.check(field, serde_json::from_str(text))
    }

    fn budgets(self, text: &str) -> Result<Vec<Budget>, StoreError> {
        let budget = |record: &BudgetRecord| {
            let amount = match (record.tokens, record.money_nanos) {
                (Some(tokens), None) => Amount::Tokens(tokens),
                (None, Some(nanos)) => Amount::Money(Money::from_nanos(nanos)),
                _ => return Err(self.corrupt("budgets", "is of neither tokens nor money")),
            };
            let period = self.one_of("budgets.period", &record.period, &Period::ALL, Period::as_str)?;
            Ok(Budget { amount, period })
        };
        self.list::<BudgetRecord>("budgets", text)?.iter().map(budget).collect()
    }

    fn source(self, text: &str) -> Result<SecretSource, StoreError> {
        match text.split_once(':') {
            Some(("env", name)) => Ok(SecretSource::Env(name.to_owned())),
            Some(("file", path)) => Ok(SecretSource::File(path.to_owned())),
            None if text == "value" => Ok(SecretSource::Value),
            _ => Err(self.corrupt("source", format_args!("is {text:?}, which this version does not know"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use relay_domain::Secret;

    use crate::MasterKey;

    #[test]
    fn a_row_edited_by_hand_is_named_in_the_error() {
        let record = RouteRecord {
            route_id: "gpt-tokyo".into(),
            name: "".into(),
            logical_group_id: "gpt".into(),
            public_model: "gpt-5".into(),
            host_id: "tokyo-1".into(),
            shadow_group: "".into(),
            shadow_model: "".into(),
            priority: -1,
            weight: 1,
            credential: "host_key".into(),
            enabled: true,
            multiplier: 1_000_000,
            recharge_ratio: 1_000_000,
        };
        let error = route(record).unwrap_err().to_string();
        assert!(error.starts_with("route gpt-tokyo in the store cannot be read: priority"), "{error}");
    }

    #[test]
    fn one_hosts_sealed_key_does_not_open_as_anothers() {
        let keyring = Keyring::new(&MasterKey::from_bytes([1; 32]));
        let record = |id: &str, gateway_key| HostRecord {
            host_id: id.into(),
            kind: "openai".into(),
            base_url: "https://a.example".into(),
            allow_private: false,
            enabled: true,
            admin_email: None,
            admin_secret: None,
            admin_source: None,
            gateway_key,
            gateway_key_source: Some("value".into()),
            ask_usage: true,
        };
        let sealed = keyring.seal("host/tokyo-1/gateway_key", &Secret::new("sk-1"));
        assert!(open_host(record("tokyo-1", Some(sealed.clone())), &keyring).is_ok());
        let error = open_host(record("osaka-1", Some(sealed)), &keyring).unwrap_err();
        assert_eq!(error.to_string(), "the stored secret host/osaka-1/gateway_key cannot be decrypted");
    }
}
