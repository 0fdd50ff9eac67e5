//! Every fault and warning, defaults, secrets, and the round trip.

mod linter;
mod secrets;

use std::cell::Cell;
use std::collections::HashMap;

use relay_domain::{CredentialMode, Failback, HostKind, Scope};
use serde_json::json;

use super::*;

struct Words(HashMap<&'static str, &'static str>);

impl SecretResolver for Words {
    fn env(&self, name: &str) -> Result<Secret, Unresolved> {
        self.0.get(name).map(|value| Secret::new(value)).ok_or(Unresolved::Missing)
    }

    fn file(&self, path: &str) -> Result<Secret, Unresolved> {
        self.env(path)
    }
}

fn words() -> Words {
    Words(HashMap::from([
        ("TOKYO1_ADMIN_KEY", "admin-1"),
        ("TOKYO1_GATEWAY_KEY", "sk-tokyo"),
        ("/run/secrets/password", "pass word"),
        ("TEAM_A_KEY", "rk-team-a-0123456789"),
        ("EMPTY", ""),
        ("SPACED", "sk a"),
    ]))
}

fn hash(secret: &Secret) -> KeyHash {
    let mut hash = [0; 32];
    for (index, byte) in secret.expose().bytes().enumerate() {
        hash[index % 32] ^= byte.rotate_left(index as u32 / 32);
    }
    KeyHash(hash)
}

fn read_over(current: &Fleet, text: &str) -> Result<ReadFleet, Faults> {
    let count = Cell::new(0);
    let generate_key = || {
        count.set(count.get() + 1);
        Secret::new(&format!("rk-generated-{}", count.get()))
    };
    let resolver = words();
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    let reading = Reading { current, resolver: &resolver, hash_key: &hash, generate_key: &generate_key, now };
    read(&FleetDocument::from_toml(text)?, &reading)
}

fn read_new(text: &str) -> Result<ReadFleet, Faults> {
    read_over(&Fleet::default(), text)
}

/// A legal fleet; each check replaces a part of it.
const FLEET: &str = r#"
[[host]]
host_id = "tokyo-1"
kind = "sub2api"
base_url = "https://tokyo-1.example.com/v1/"
admin_key = { env = "TOKYO1_ADMIN_KEY" }
gateway_key = { env = "TOKYO1_GATEWAY_KEY" }

[[group]]
logical_group_id = "gpt"
sticky = { scope = "conversation", ttl = "1h" }

[[route]]
route_id = "gpt-tokyo"
logical_group_id = "gpt"
public_model = "gpt-5"
shadow_host_id = "tokyo-1"
shadow_group_id = "gpt-pool"
shadow_model = "gpt-5-2025-08-07"

[[key]]
key_id = "team-a"
secret = { env = "TEAM_A_KEY" }
logical_groups = ["gpt"]
"#;

/// `old` becomes `new` in the legal fleet, and exactly this fault is found.
#[track_caller]
fn fault(old: &str, new: &str, path: &str, entry: &str, message: &str) {
    assert!(FLEET.contains(old), "{old}");
    let faults = read_new(&FLEET.replace(old, new)).expect_err("a fault").into_kept();
    let found: Vec<_> = faults.iter().map(|f| (f.path.as_str(), f.entry.as_str(), f.message())).collect();
    assert_eq!(found, [(path, entry, message.to_owned())]);
    assert!(!faults[0].remedy().is_empty());
}

#[track_caller]
fn warning(old: &str, new: &str, warning: &str) {
    assert!(FLEET.contains(old), "{old}");
    let warnings = read_new(&FLEET.replace(old, new)).expect("legal").warnings();
    assert!(warnings.iter().any(|found| found.contains(warning)), "{warnings:#?}");
}

const HOST: &str = "host \"tokyo-1\"";
const ROUTE: &str = "route \"gpt-tokyo\"";
const KEY: &str = "key \"team-a\"";

#[test]
fn the_example_of_the_contract_is_read_with_its_defaults() {
    let fleet = read_new(FLEET).expect("legal").fleet;
    let host = &fleet.hosts[0];
    assert_eq!((host.kind, host.enabled, host.allow_private), (HostKind::Sub2api, true, false));
    assert_eq!(host.base_url.to_string(), "https://tokyo-1.example.com");
    assert_eq!(host.gateway_key.as_ref().map(|key| key.secret.expose()), Some("sk-tokyo"));
    let group = &fleet.groups[0];
    assert_eq!((group.sticky.scope, group.failback, group.enabled), (Scope::Conversation, Failback::Idle, true));
    assert!(group.retry_on_timeout);
    let route = &fleet.routes[0];
    assert_eq!((route.priority, route.weight, route.credential), (1, 100, CredentialMode::HostKey));
    assert_eq!((route.name.as_str(), route.enabled), ("gpt-tokyo", true));
    assert_eq!(fleet.keys[0].hash, hash(&Secret::new("rk-team-a-0123456789")));
}

#[test]
fn every_field_is_read() {
    let text = r#"
[[host]]
host_id = "a"
kind = "sub2api"
base_url = "http://127.0.0.1:9000"
allow_private = true
ask_usage = false
enabled = false
login = { email = "root@a.example", password = { file = "/run/secrets/password" } }
[[host]]
host_id = "b"
kind = "openai"
base_url = "https://b.example"
[[group]]
logical_group_id = "g"
enabled = false
sticky = { scope = "user", ttl = "30m" }
failback = "never"
retry_on_timeout = false
on_disconnect = "drain"
drain_limit = "7s"
limits = { tpm = 1000 }
budgets = [{ tokens = 5000000, period = "week" }]
price_ratio = "1.25"
[[route]]
route_id = "r"
name = "the route"
logical_group_id = "g"
public_model = "gpt-*"
shadow_host_id = "b"
shadow_group_id = 12
priority = 0
weight = 0
credential = "caller"
enabled = false
cost = { multiplier = "0.85", recharge_ratio = "0.142857" }
[[key]]
key_id = "k"
label = "Team K"
origin = "api"
models = ["gpt-5*", "o3"]
allowed_ips = ["10.1.2.3/8", "2001:db8::1"]
budgets = [{ money = "25.50", period = "month" }, { tokens = 1, period = "day" }, { money = 3, period = "day" }]
logical_groups = ["g"]
enabled = false
expires_at = 2027-01-31T00:00:00Z
subject_id = "k"
subscription_user = "k@relay.example"
expose_routing = true
limits = { rpm = 600, tpm = 1, tpd = 2, concurrency = 50 }
"#;
    let read = read_new(text).expect("legal");
    insta::assert_debug_snapshot!(read.fleet);
    insta::assert_debug_snapshot!(read.warnings());
    let again = read_over(&read.fleet, &export(&read.fleet)).expect("an export is legal");
    assert_eq!(again.fleet, read.fleet);
}

#[test]
fn all_faults_are_reported_at_once() {
    let text = FLEET
        .replace("base_url = \"https://tokyo-1.example.com/v1/\"", "base_ulr = \"x\"")
        .replace("shadow_host_id = \"tokyo-1\"", "shadow_host_id = \"tokyo-2\"\nweight = -1")
        .replace("logical_groups = [\"gpt\"]", "logical_groups = [\"gtp\"]\ncolour = 3");
    let faults = read_new(&format!("{text}\n[[gruop]]\nx = 1\n")).expect_err("faults");
    insta::assert_snapshot!(faults.to_string());
    insta::assert_json_snapshot!(faults.kept());
}

/// Reads a document of JSON.
fn faults_of(document: Value) -> Faults {
    let (current, resolver) = (Fleet::default(), words());
    let generate_key = || Secret::new("rk-generated");
    let now = Timestamp::UNIX_EPOCH;
    let reading = Reading { current: &current, resolver: &resolver, hash_key: &hash, generate_key: &generate_key, now };
    read(&FleetDocument::from_json(document).expect("an object"), &reading).expect_err("faults")
}

#[test]
fn of_very_many_faults_a_thousand_are_kept_and_all_are_counted() {
    let unknown = |count: usize| (0..count).map(|n| (format!("f{n}"), json!(0))).collect::<Map<_, _>>();
    let mut group = unknown(200_000);
    group.insert("logical_group_id".to_owned(), json!("gpt"));
    let faults = faults_of(json!({ "group": [group] }));
    assert_eq!((faults.kept().len(), faults.count(), faults.not_kept()), (1_000, 200_000, 199_000));
    assert_eq!((faults.kept()[0].path.as_str(), faults.kept()[999].path.as_str()), ("group[0].f0", "group[0].f999"));
    let told = faults.to_string();
    assert!(told.starts_with("the fleet document has 200000 faults\n- group \"gpt\" (group[0].f0): "), "{told:.200}");
    assert!(told.ends_with("\n- and 199000 more, which are told once these are mended"));
    assert_eq!(told.lines().count(), 1_002);
    assert_eq!(faults_of(Value::Object(unknown(200_000))).count(), 200_000, "sections");
    assert_eq!(faults_of(json!({ "route": vec![0; 200_000] })).count(), 200_000, "entries");
    let lists = json!({ "key": [{ "key_id": "a", "logical_groups": vec![0; 100_000], "budgets": vec![0; 100_000] }] });
    assert_eq!(faults_of(lists).count(), 200_000, "items");
}

#[test]
fn each_fault_of_an_entry_tells_the_beginning_of_its_id() {
    let id = "é".repeat(1_000_000);
    let faults = faults_of(json!({ "group": [{ "logical_group_id": id, "colour": 1, "sticky": { "color": 2 } }] }));
    let label = format!("group \"{}…\"", "é".repeat(200));
    assert!(faults.count() == 3 && faults.kept().iter().all(|fault| fault.entry == label));
}

#[test]
fn unknown_fields_and_sections_are_refused_with_a_suggestion() {
    let modle = "unknown field \"shadow_modle\", did you mean \"shadow_model\"?";
    fault("shadow_model", "shadow_modle", "route[0].shadow_modle", ROUTE, modle);
    let tll = "unknown field \"tll\", did you mean \"ttl\"?";
    fault("ttl = \"1h\"", "tll = \"1h\"", "group[0].sticky.tll", "group \"gpt\"", tll);
    fault("[[key]]", "[[keys]]", "keys", "fleet document", "unknown section \"keys\", did you mean \"key\"?");
    fault(
        "secret =",
        "limits = { rps = 1 }\nsecret =",
        "key[0].limits.rps",
        KEY,
        "unknown field \"rps\", did you mean \"rpm\"?",
    );
}

#[test]
fn wrong_types_are_named() {
    let base_url = "base_url = \"https://tokyo-1.example.com/v1/\"";
    fault(base_url, "base_url = 7", "host[0].base_url", HOST, "base_url is a number, not a string");
    let public_model = "public_model is an array, not a string";
    fault("public_model = \"gpt-5\"", "public_model = [\"gpt-5\"]", "route[0].public_model", ROUTE, public_model);
    let flag = "enabled is a string, not true or false";
    fault("[[key]]", "[[key]]\nenabled = \"yes\"", "key[0].enabled", KEY, flag);
    let weight = "weight is a string, not a whole number";
    fault("[[route]]", "[[route]]\nweight = \"100\"", "route[0].weight", ROUTE, weight);
    fault("ttl = \"1h\"", "ttl = 60", "group[0].sticky.ttl", "group \"gpt\"", "ttl is a number, not a duration");
    let sticky = "sticky = { scope = \"conversation\", ttl = \"1h\" }";
    fault(sticky, "sticky = \"user\"", "group[0].sticky", "group \"gpt\"", "sticky is a string, not a table");
    let groups = "logical_groups is a string, not an array of strings";
    fault("[\"gpt\"]", "\"gpt\"", "key[0].logical_groups", KEY, groups);
    fault("{ env = \"TEAM_A_KEY\" }", "5", "key[0].secret", KEY, "secret is a number, not a secret");
    let single = FLEET.replace("[[key]]", "[key]");
    assert_eq!(
        read_new(&single).expect_err("a fault").into_kept()[0].message(),
        "key is a table, not an array of tables"
    );
}

/// What is told of the key when these lines stand in it.
fn told_of_key(lines: &str) -> Vec<String> {
    let text = FLEET.replace("logical_groups = [\"gpt\"]\n", lines);
    let faults = read_new(&text).expect_err("faults").into_kept();
    faults.iter().map(|fault| format!("{}: {}; {}", fault.path, fault.message(), fault.remedy())).collect()
}

#[test]
fn wrong_items_of_a_list_are_named_one_by_one() {
    let text = "write it as \"…\", or remove it";
    let table = "write it as { money = \"25.00\", period = \"month\" }, or remove it";
    let groups = "logical_groups = [\"gpt\"]\n";
    let budget = "{ tokens = 1, period = \"day\" }";
    assert_eq!(
        told_of_key(&format!("{groups}budgets = [\"x\", {budget}, 5]\n")),
        [
            format!("key[0].budgets[0]: budgets[0] is a string, not a table; {table}"),
            format!("key[0].budgets[2]: budgets[2] is a number, not a table; {table}"),
        ]
    );
    assert_eq!(
        told_of_key(&format!("{groups}models = [\"gpt-5\", 5]\nallowed_ips = [[], {{}}]\n")),
        [
            format!("key[0].models[1]: models[1] is a number, not a string; {text}"),
            format!("key[0].allowed_ips[0]: allowed_ips[0] is an array, not a string; {text}"),
            format!("key[0].allowed_ips[1]: allowed_ips[1] is a table, not a string; {text}"),
        ]
    );
    let list = "write it as budgets = [{ money = \"25.00\", period = \"month\" }]";
    let whole = format!("key[0].budgets: budgets is a string, not an array of tables; {list}");
    assert_eq!(told_of_key(&format!("{groups}budgets = \"x\"\n")), [whole]);
}

#[test]
fn a_wrong_item_of_a_list_hides_no_other_fault() {
    let told = |lines: &str| told_of_key(lines).iter().map(|line| line[..line.find(';').unwrap()].to_owned()).collect();
    let told: Vec<String> = told("logical_groups = [5, \"gtp\"]\nmodels = [true, \"a*b\"]\n");
    assert_eq!(
        told,
        [
            "key[0].logical_groups[0]: logical_groups[0] is a number, not a string",
            "key[0].logical_groups: logical_groups names \"gtp\", which is no group of this document, did you mean \"gpt\"?",
            "key[0].models[0]: models[0] is true or false, not a string",
            "key[0].models: models names \"a*b\", which may have one * only, at its end",
        ]
    );
    let only = told_of_key("logical_groups = [5]\n");
    assert_eq!(only.len(), 1, "a list with a wrong item is not empty: {only:?}");
}

#[test]
fn missing_and_empty_fields_are_named() {
    fault("key_id = \"team-a\"\n", "", "key[0].key_id", "key #1", "key_id is missing");
    let base_url = "base_url = \"https://tokyo-1.example.com/v1/\"\n";
    fault(base_url, "", "host[0].base_url", HOST, "base_url is missing");
    fault("public_model = \"gpt-5\"\n", "", "route[0].public_model", ROUTE, "public_model is missing");
    fault("public_model = \"gpt-5\"", "public_model = \" \"", "route[0].public_model", ROUTE, "public_model is empty");
    fault("logical_groups = [\"gpt\"]\n", "", "key[0].logical_groups", KEY, "logical_groups is missing");
    fault("[\"gpt\"]", "[]", "key[0].logical_groups", KEY, "logical_groups is empty");
    fault(
        "gpt-tokyo",
        "gpt/tokyo",
        "route[0].route_id",
        "route \"gpt/tokyo\"",
        "route_id \"gpt/tokyo\" has '/'; use letters, digits and . _ - : @",
    );
}

#[test]
fn references_must_resolve() {
    let host = "shadow_host_id \"tokyo-2\" is no host of this document, did you mean \"tokyo-1\"?";
    fault("shadow_host_id = \"tokyo-1\"", "shadow_host_id = \"tokyo-2\"", "route[0].shadow_host_id", ROUTE, host);
    let group = "logical_group_id \"claude\" is no group of this document";
    fault(
        "logical_group_id = \"gpt\"\npublic",
        "logical_group_id = \"claude\"\npublic",
        "route[0].logical_group_id",
        ROUTE,
        group,
    );
    let key = "logical_groups names \"gtp\", which is no group of this document, did you mean \"gpt\"?";
    fault("[\"gpt\"]", "[\"gtp\"]", "key[0].logical_groups", KEY, key);
    fault("[\"gpt\"]", "[\"gpt\", \" gpt \"]", "key[0].logical_groups", KEY, "logical_groups names \"gpt\" twice");
}

#[test]
fn an_entry_with_other_faults_still_counts_as_declared() {
    let faults = read_new(&FLEET.replace("https://tokyo-1", "ftp://tokyo-1")).expect_err("a fault").into_kept();
    assert_eq!(faults.len(), 1, "{faults:#?}");
}

#[test]
fn duplicate_ids_and_secrets_are_refused() {
    let group = "[[group]]\nlogical_group_id = \"gpt\"\n[[group]]\nlogical_group_id = \" gpt \"\n";
    let message = "logical_group_id \"gpt\" is used by another group above";
    fault("[[group]]\nlogical_group_id = \"gpt\"\n", group, "group[1].logical_group_id", "group \"gpt\"", message);
    let key = "[[key]]\nkey_id = \"b\"\nlogical_groups = [\"gpt\"]\nsecret = \"rk-team-a-0123456789\"\n[[key]]";
    fault("[[key]]", key, "key[1].secret", KEY, "the secret is the same as that of key \"b\"");
}

#[test]
fn bad_urls_are_explained_and_never_show_a_password() {
    let check =
        |url: &str, message: &str| fault("https://tokyo-1.example.com/v1/", url, "host[0].base_url", HOST, message);
    check("tokyo-1", "base_url \"tokyo-1\" is not a URL");
    check("ftp://a.example", "base_url \"ftp://a.example\" has a scheme that is not HTTP");
    check("https://u:canary@a.example", "base_url holds user:password@");
    check("https://a.example/?x", "base_url \"https://a.example/?x\" has a query or fragment");
}

#[test]
fn a_private_address_needs_allow_private_in_every_notation() {
    for host in
        ["127.0.0.1:9", "10.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost", "x.localhost", "169.254.169.254"]
    {
        let url = format!("http://{host}");
        let message = format!("base_url \"{url}\" is a loopback, private or other special address");
        fault("https://tokyo-1.example.com/v1/", &url, "host[0].base_url", HOST, &message);
        let allowed = format!("{url}\"\nallow_private = true\nenabled = \"");
        let text =
            FLEET.replace("https://tokyo-1.example.com/v1/\"", &allowed).replace("enabled = \"\n", "enabled = true\n");
        assert!(read_new(&text).is_ok(), "{url}");
    }
}

#[test]
fn numbers_and_spans_have_bounds() {
    let check = |line: &str, field: &str, message: &str| {
        fault("[[route]]", &format!("[[route]]\n{line}"), &format!("route[0].{field}"), ROUTE, message);
    };
    check("weight = -5", "weight", "weight = -5 is negative");
    check("weight = 1000001", "weight", "weight = 1000001 is too large");
    check("priority = -1", "priority", "priority = -1 is negative");
    check("priority = 99999999999", "priority", "priority = 99999999999 is too large");
    check("priority = 1.5", "priority", "priority = 1.5 is not a whole number");
    let ttl = |text: &str, message: &str| {
        fault("ttl = \"1h\"", &format!("ttl = \"{text}\""), "group[0].sticky.ttl", "group \"gpt\"", message);
    };
    ttl("0s", "ttl is zero");
    ttl("9000h", "ttl = \"9000h\" is over a year");
    ttl("soon", "ttl = \"soon\" is not a duration (expected number at 0)");
    fault(
        "secret =",
        "expires_at = 2027-01-31\nsecret =",
        "key[0].expires_at",
        KEY,
        "expires_at \"2027-01-31\" is not a time with a zone",
    );
}

#[test]
fn words_outside_a_set_are_refused() {
    let kind = "kind = \"openal\" is unknown, did you mean \"openai\"?";
    fault("\"sub2api\"", "\"openal\"", "host[0].kind", HOST, kind);
    fault(
        "\"conversation\"",
        "\"session\"",
        "group[0].sticky.scope",
        "group \"gpt\"",
        "scope = \"session\" is unknown",
    );
    let managed = "credential \"managed\" needs a shadow_group_id: a key serves one group of its host";
    fault("shadow_group_id = \"gpt-pool\"", "credential = \"managed\"", "route[0].shadow_group_id", ROUTE, managed);
    let star = "public_model \"a*b\" may have one * only, at its end";
    fault("\"gpt-5\"", "\"a*b\"", "route[0].public_model", ROUTE, star);
}

#[test]
fn an_export_reads_back_as_the_same_fleet_and_holds_no_secret() {
    let literal = FLEET
        .replace("{ env = \"TOKYO1_GATEWAY_KEY\" }", "\"sk-canary\"")
        .replace("secret = { env = \"TEAM_A_KEY\" }\n", "");
    for text in [FLEET, &literal] {
        let fleet = read_new(text).expect("legal").fleet;
        let exported = export(&fleet);
        assert!(!exported.contains("canary") && !exported.contains("sk-tokyo"), "{exported}");
        assert_eq!(read_over(&fleet, &exported).expect("legal").fleet, fleet, "{exported}");
    }
    insta::assert_snapshot!(export(&read_new(&literal).expect("legal").fleet));
}

#[test]
fn json_and_toml_are_the_same_document() {
    let json = FleetDocument::from_toml(FLEET).expect("TOML").into_json();
    let document = FleetDocument::from_json(json).expect("an object");
    assert_eq!(export(&read_new(FLEET).expect("legal").fleet).len(), {
        let resolver = words();
        let reading = Reading {
            current: &Fleet::default(),
            resolver: &resolver,
            hash_key: &hash,
            generate_key: &|| Secret::new("x"),
            now: Timestamp::UNIX_EPOCH,
        };
        export(&read(&document, &reading).expect("legal").fleet).len()
    });
    assert!(FleetDocument::from_json(json!([])).is_err());
}

#[test]
fn broken_toml_is_located() {
    let fault = &read_new("[[host]]\nhost_id = \n").expect_err("a fault").into_kept()[0];
    assert!(fault.path.starts_with("line 2, column"), "{fault}");
}

#[test]
fn the_documented_example_is_legal_and_without_a_warning() {
    let page = include_str!("../../../../docs/fleet-file.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let example = example.replace("/run/secrets/backup.key", "TOKYO1_ADMIN_KEY");
    assert_eq!(read_new(&example).expect("legal").warnings(), Vec::<String>::new());
}

#[test]
fn limits_and_money_are_exact_or_refused() {
    let fault = |field: &str, expected: &str| {
        let text = FLEET.replace("[[key]]", &format!("[[key]]\n{field}"));
        let faults = read_new(&text).expect_err("a fault").into_kept();
        assert!(faults.iter().any(|fault| fault.to_string().contains(expected)), "{faults:#?}");
    };
    fault("budgets = [{ money = 1.5, period = \"day\" }]", "so that it stays exact");
    fault("budgets = [{ money = \"1,5\", period = \"day\" }]", "is not a decimal number");
    fault("budgets = [{ tokens = 1, money = \"1\", period = \"day\" }]", "tokens and money");
    fault("budgets = [{ period = \"day\" }]", "neither tokens nor money");
    fault("budgets = [{ tokens = 1, period = \"year\" }]", "use day, week, month");
    fault("budgets = [{ tokens = 1, period = \"day\" }, { tokens = 2, period = \"day\" }]", "two of one kind");
    fault("allowed_ips = [\"10.0.0.0/40\"]", "which is no address");
    fault("models = [\"a*b\"]", "may have one *");
}
