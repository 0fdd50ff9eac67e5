//! What the linter finds.

use super::*;

#[test]
fn the_linter_warns_of_what_is_legal_and_hardly_meant() {
    warning("[[host]]", "[[host]]\nenabled = false", "host \"tokyo-1\" is disabled");
    warning("[[host]]", "[[host]]\nenabled = false", "no enabled route on an enabled host serves it");
    warning("[[group]]", "[[group]]\nlogical_group_id = \"b\"\n[[group]]", "group \"b\": it has no route");
    warning("[[group]]", "[[group]]\nlogical_group_id = \"b\"\n[[group]]", "group \"b\": no key may call it");
    warning("[[group]]", "[[group]]\nenabled = false", "group \"gpt\" is disabled");
    warning("[[route]]", "[[route]]\nweight = 0", "every route has weight 0");
    warning("ttl = \"1h\"", "ttl = \"2h\"", "sticky.ttl 2h is longer than the 1h");
    warning("[[route]]", "[[route]]\npriority = 2", "its tiers have one host, \"tokyo-1\"");
    warning("{ env = \"TOKYO1_GATEWAY_KEY\" }", "\"sk\"", "gateway_key is given by value");
    warning("https://tokyo", "http://tokyo", "cross the network in clear");
    warning("[[key]]", "[[key]]\nexpires_at = 2026-10-01T00:00:00Z", "it expired at");
    warning("[[key]]", "[[key]]\nexpires_at = 2026-11-05T00:00:00Z", "it expires soon");
    assert_eq!(read_new("").expect("legal").warnings(), ["the fleet is empty: nothing will be served"]);
}

/// `old` becomes `new` in the legal fleet, and this is found among the rest.
#[track_caller]
fn finding(old: &str, new: &str, code: &str, severity: Severity, message: &str) {
    assert!(FLEET.contains(old), "{old}");
    let findings = read_new(&FLEET.replace(old, new)).expect("legal").findings;
    let found = findings.iter().find(|found| found.code == code && found.message.contains(message));
    let found = found.unwrap_or_else(|| panic!("{findings:#?}"));
    assert_eq!(found.severity, severity, "{found:?}");
    assert!(findings.iter().all(|found| !found.remedy.is_empty() && !found.subject.is_empty()), "{findings:#?}");
}

#[test]
fn every_rule_of_the_linter_finds_what_it_is_for_and_says_what_to_do() {
    use Severity::{Note, Warning};
    let two_hosts = "[[host]]\nhost_id = \"osaka\"\nkind = \"openai\"\nbase_url = \"https://osaka.example\"\ngateway_key = { env = \"TOKYO1_GATEWAY_KEY\" }\n\n[[group]]";
    let lower = "[[route]]\nroute_id = \"gpt-osaka\"\nlogical_group_id = \"gpt\"\npublic_model = \"gpt-5\"\nshadow_host_id = \"osaka\"\npriority = 2\n\n[[key]]";
    let key = "logical_groups = [\"gpt\"]";
    let host = "kind = \"sub2api\"";
    let cases: &[(&str, &str, &str, Severity, &str)] = &[
        (host, "kind = \"sub2api\"\nenabled = false", "unreachable_route", Warning, "host \"tokyo-1\" is disabled"),
        ("[[group]]", "[[group]]\nenabled = false", "unreachable_route", Warning, "group \"gpt\" is disabled"),
        (key, "logical_groups = [\"gpt\"]\nmodels = [\"o3\"]", "unreachable_route", Warning, "no live key may call"),
        (
            key,
            "logical_groups = [\"gpt\"]\nexpires_at = 2026-10-01T00:00:00Z",
            "unreachable_route",
            Warning,
            "no live key",
        ),
        ("shadow_model", "credential = \"managed\"\nshadow_model", "unreachable_route", Warning, "subscription_user"),
        ("shadow_model", "shadow_model", "one_host_tier", Warning, "its tiers have one host, \"tokyo-1\""),
        (
            host,
            "kind = \"sub2api\"\nenabled = false",
            "model_on_no_host",
            Warning,
            "no enabled route on an enabled host",
        ),
        ("shadow_model", "weight = 0\nshadow_model", "weight_0_everywhere", Warning, "no new conversation"),
        ("ttl = \"1h\"", "ttl = \"2h\"", "ttl_longer_than_host", Warning, "longer than the 1h"),
        (
            key,
            "logical_groups = [\"gpt\"]\nexpires_at = 2026-11-03T00:00:00Z",
            "key_expires_soon",
            Warning,
            "expires soon",
        ),
        (key, "logical_groups = [\"gpt\"]\nexpires_at = 2026-10-01T00:00:00Z", "key_expired", Warning, "it expired at"),
    ];
    for (old, new, code, severity, message) in cases {
        finding(old, new, code, *severity, message);
    }
    let text = FLEET.replace("[[group]]", two_hosts).replace("[[key]]", lower);
    let read = read_new(&text).expect("legal");
    let note = read.findings.iter().find(|found| found.code == "one_host_tier").expect("found");
    assert_eq!((note.severity, note.message.contains("tier 1 has one host")), (Note, true), "{note:?}");
    assert!(!read.warnings().iter().any(|warning| warning.contains("one host")), "a note is no warning");
}

#[test]
fn a_dead_route_says_why_it_is_dead() {
    let dead = |old: &str, new: &str| {
        let fleet = read_new(&FLEET.replace(old, new)).expect("legal").fleet;
        let dead = dead_routes(&fleet, "2026-11-01T00:00:00Z".parse().unwrap());
        dead.into_iter().map(|route| (route.route_id, route.reason)).collect::<Vec<_>>()
    };
    let because = |reason: &str| vec![("gpt-tokyo".to_owned(), reason.to_owned())];
    let key = "logical_groups = [\"gpt\"]";
    assert_eq!(dead("weight", "weight"), []);
    assert_eq!(dead("kind = \"sub2api\"", "kind = \"sub2api\"\nenabled = false"), because("host_disabled"));
    assert_eq!(dead("[[group]]", "[[group]]\nenabled = false"), because("group_disabled"));
    assert_eq!(dead(key, "logical_groups = [\"gpt\"]\nmodels = [\"o3\"]"), because("no_key"));
    assert_eq!(dead(key, "logical_groups = [\"gpt\"]\nmodels = [\"gpt-*\"]"), []);
    assert_eq!(dead(key, "logical_groups = [\"gpt\"]\nenabled = false"), because("no_key"));
    assert_eq!(dead("shadow_model", "credential = \"managed\"\nshadow_model"), because("no_subscription_user"));
    // A route that the operator switched off is not dead but off.
    assert_eq!(dead("shadow_model", "enabled = false\nshadow_model"), []);
}
