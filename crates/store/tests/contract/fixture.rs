//! Fleets and publications to test with.

use std::time::Duration;

use relay_domain::{
    AdminAccess, Amount, BaseUrl, Budget, ConsumerKey, CredentialMode, Failback, Fleet, Generation, Group, GroupId,
    Host, HostId, HostKind, KeyHash, KeyId, KeyOrigin, Limits, ModelPattern, Money, OnDisconnect, Period,
    PreviousSecret, Ratio, Route, RouteCost, RouteId, Scope, Secret, SecretSource, Sticky, StoredSecret, Timestamp,
    key as keys,
};
use relay_store::Publication;

/// Every secret of [`full_fleet`]; none of them may be found at rest.
pub(crate) const CANARIES: [&str; 3] =
    ["sk-canary-gateway-4f1d", "canary-admin-key-93ab", "canary-admin-password-07c2"];

pub(crate) fn host_id(text: &str) -> HostId {
    HostId::new(text).unwrap()
}

pub(crate) fn group_id(text: &str) -> GroupId {
    GroupId::new(text).unwrap()
}

/// `seconds` after a fixed beginning, and some microseconds to lose.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_790_000_000_123_457 + seconds * 1_000_000).unwrap()
}

fn stored(secret: &str, source: SecretSource) -> StoredSecret {
    StoredSecret { secret: Secret::new(secret), source }
}

pub(crate) fn host(id: &str) -> Host {
    Host {
        id: host_id(id),
        kind: HostKind::OpenAi,
        base_url: BaseUrl::parse("https://a.example").unwrap(),
        allow_private: false,
        enabled: true,
        admin: None,
        gateway_key: None,
        ask_usage: true,
    }
}

pub(crate) fn group(id: &str) -> Group {
    Group::new(group_id(id))
}

pub(crate) fn route(id: &str, group: &str, host: &str) -> Route {
    Route {
        id: RouteId::new(id).unwrap(),
        name: id.to_owned(),
        group: group_id(group),
        public_model: ModelPattern::Exact("gpt-5".into()),
        host: host_id(host),
        shadow_group: String::new(),
        shadow_model: String::new(),
        priority: 0,
        weight: 100,
        credential: CredentialMode::HostKey,
        enabled: true,
        cost: RouteCost::default(),
    }
}

pub(crate) fn key(id: &str, hash: u8) -> ConsumerKey {
    ConsumerKey::new(KeyId::new(id).unwrap(), KeyHash([hash; 32]))
}

/// Limits that use every field.
fn full_limits() -> Limits {
    Limits {
        rpm: Some(600),
        tpm: Some(0),
        tpd: Some(u64::MAX),
        concurrency: Some(u32::MAX),
        budgets: vec![
            Budget { amount: Amount::Tokens(u64::MAX), period: Period::Month },
            Budget { amount: Amount::Money(Money::from_nanos(1)), period: Period::Week },
        ],
    }
}

/// A fleet that uses every field and every variant, in an order that is not the
/// alphabet's.
pub(crate) fn full_fleet() -> Fleet {
    let tokyo = Host {
        kind: HostKind::Sub2api,
        base_url: BaseUrl::parse("http://[::1]:8080/relay").unwrap(),
        allow_private: true,
        enabled: false,
        admin: Some(AdminAccess::Key(stored(CANARIES[1], SecretSource::File("/run/secrets/admin: 1".into())))),
        ask_usage: false,
        gateway_key: Some(stored(CANARIES[0], SecretSource::Env("TOKYO1_GATEWAY_KEY".into()))),
        ..host("tokyo-1")
    };
    let osaka = Host {
        admin: Some(AdminAccess::Login {
            email: "admin@osaka.example".into(),
            password: stored(CANARIES[2], SecretSource::Value),
        }),
        ..host("osaka-1")
    };
    let gpt = Group {
        sticky: Sticky { scope: Scope::User, ttl: Duration::from_micros(1_500_001) },
        failback: Failback::Ttl,
        retry_on_timeout: false,
        on_disconnect: OnDisconnect::Drain(Duration::from_secs(7)),
        limits: full_limits(),
        price_ratio: Ratio::from_millionths(1_250_001),
        ..group("gpt")
    };
    let claude = Group {
        enabled: false,
        sticky: Sticky { scope: Scope::None, ttl: Duration::from_hours(1) },
        failback: Failback::Never,
        ..group("claude-团队")
    };
    let by_prefix = Route {
        name: "GPT over Tokyo, 'quoted' \"twice\"".into(),
        public_model: ModelPattern::Prefix("gpt-5".into()),
        shadow_group: "gpt-pool".into(),
        shadow_model: "gpt-5-2025-08-07".into(),
        priority: u32::MAX,
        weight: 0,
        credential: CredentialMode::Caller,
        enabled: false,
        cost: RouteCost { multiplier: Ratio::from_millionths(1), recharge_ratio: Ratio::from_millionths(142_857) },
        ..route("gpt-tokyo", "gpt", "tokyo-1")
    };
    let managed = Route { credential: CredentialMode::Managed, ..route("claude-osaka", "claude-团队", "osaka-1") };
    let full_key = ConsumerKey {
        source: SecretSource::Env("TEAM_A_KEY".into()),
        enabled: false,
        expires_at: Some(at(86_400)),
        groups: [group_id("gpt"), group_id("claude-团队")].into_iter().collect(),
        subject_id: Some("team-a".into()),
        subscription_user: Some("team-a@relay.example".into()),
        expose_routing: true,
        label: Some("Team B, 团队".into()),
        origin: KeyOrigin::Api,
        previous: Some(PreviousSecret { hash: KeyHash([0xfd; 32]), until: at(3_600) }),
        models: vec![ModelPattern::Prefix("gpt-5".into()), ModelPattern::Exact("o3".into())],
        allowed_ips: vec![keys::parse_ip_range("10.0.0.0/8").unwrap(), keys::parse_ip_range("2001:db8::1").unwrap()],
        limits: full_limits(),
        ..key("team-b", 0xfe)
    };
    Fleet {
        generation: 0,
        hosts: vec![tokyo, osaka, host("kyoto-1")],
        groups: vec![gpt, claude, group("empty")],
        routes: vec![by_prefix, managed, route("gpt-osaka", "gpt", "osaka-1")],
        keys: vec![full_key, key("team-a", 1)],
    }
}

/// The smallest fleet that is told apart by its one host.
pub(crate) fn fleet_of(host_name: &str) -> Fleet {
    Fleet { hosts: vec![host(host_name)], ..Fleet::default() }
}

pub(crate) fn publication(fleet: Fleet, based_on: Generation) -> Publication {
    let fleet_subjects = fleet.hosts.iter().map(|host| format!("host:{}", host.id)).collect();
    Publication {
        fleet: fleet.into(),
        based_on,
        actor: "ops".into(),
        summary: format!("change of {based_on}"),
        diff: serde_json::json!({"added": [based_on]}),
        at: at(based_on as i64),
        action: "publish".into(),
        subjects: fleet_subjects,
        details: None,
    }
}

/// `fleet` as it reads when it is published as `generation`.
pub(crate) fn as_generation(fleet: Fleet, generation: Generation) -> Fleet {
    Fleet { generation, ..fleet }
}
