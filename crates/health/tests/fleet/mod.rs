//! Fleets for the tests: models with routes of equal tier, spread over hosts.

use relay_domain::{
    BaseUrl, CredentialMode, Fleet, Group, GroupId, Host, HostId, HostKind, ModelPattern, Route, RouteCost, RouteId,
};
use relay_routing::Snapshot;

/// `models` × `routes`, over `hosts` in turn: route `m0-r1` leads to host `h1`.
pub(crate) fn fleet(models: usize, routes: usize, hosts: usize) -> Fleet {
    let group = GroupId::new("gpt").expect("is an id");
    let host = |number| Host {
        id: HostId::new(&format!("h{number}")).expect("is an id"),
        kind: HostKind::OpenAi,
        base_url: BaseUrl::parse(&format!("https://h{number}.example")).expect("is a URL"),
        allow_private: false,
        enabled: true,
        admin: None,
        gateway_key: None,
        ask_usage: true,
    };
    let route = |model: usize, number: usize| Route {
        id: RouteId::new(&format!("m{model}-r{number}")).expect("is an id"),
        name: String::new(),
        group: group.clone(),
        public_model: ModelPattern::Exact(format!("model-{model}")),
        host: HostId::new(&format!("h{}", number % hosts)).expect("is an id"),
        shadow_group: String::new(),
        shadow_model: String::new(),
        priority: 1,
        weight: 1,
        credential: CredentialMode::HostKey,
        enabled: true,
        cost: RouteCost::default(),
    };
    Fleet {
        generation: 1,
        hosts: (0..hosts).map(host).collect(),
        groups: vec![Group::new(group.clone())],
        routes: (0..models)
            .flat_map(|model| (0..routes).map(move |number| (model, number)))
            .map(|(m, n)| route(m, n))
            .collect(),
        keys: Vec::new(),
    }
}

pub(crate) fn snapshot(models: usize, routes: usize, hosts: usize) -> Snapshot {
    Snapshot::build(&fleet(models, routes, hosts))
}
