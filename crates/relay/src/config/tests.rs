//! Every mistake at once; which layer wins.

use super::*;

const FILE: &str = "relay-manager.toml";

fn load(file: &str, env: &[(&str, &str)], flags: &[(&'static keys::Key, &str)]) -> Result<Config, Faults> {
    Config::from_sources(Sources {
        file: Some((FILE.into(), file.to_owned())),
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        flags: flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
    })
}

#[test]
fn every_default_is_legal_and_is_the_contracts() {
    let config = Config::from_sources(Sources::default()).unwrap();
    insta::assert_debug_snapshot!(config);
}

#[test]
fn the_contracts_own_file_says_what_the_defaults_say() {
    let file = reference::default_file();
    let from_file = load(&file, &[], &[]).unwrap();
    assert_eq!(format!("{from_file:?}"), format!("{:?}", Config::from_sources(Sources::default()).unwrap()));
}

#[test]
fn every_mistake_is_told_at_once_with_its_key_place_and_remedy() {
    let file = r#"
data_dir = 5
store = "postgres://relay:hunter2@db/relay"
bindings = "redis://cache"
colour = "blue"

[gateway]
listen = "localhost:8787"
max_body = "64 bananas"
max_conections = 5

[admin]
listen = 8788

[timeouts]
connect = 5
idle = "forever"
first_output = "2 weeks"
max_body = "1MiB"

[retry]
attempts = "3"
budget_percent = 120

[breaker]
window = true
first_open = "5m"

[log]
on_stall = "panic"
retention = "1h"

[loging]
level = "info"
"#;
    let env = [
        ("RELAY_MANAGER_GATEWAY_LISTEN", ":8787"),
        ("RELAY_MANAGER_GATEWAY_LISTN", "127.0.0.1:1"),
        ("RELAY_MANAGER_RETRY_ATTEMPTS", "many"),
    ];
    let flags = [(&keys::ADMIN_LISTEN, "8788")];
    insta::assert_snapshot!(load(file, &env, &flags).unwrap_err().to_string());
}

#[test]
fn a_file_that_is_not_toml_is_told_by_line() {
    let faults = load("data_dir = \"x\"\n[gateway\nlisten = \"127.0.0.1:1\"\n", &[], &[]).unwrap_err();
    assert_eq!(faults.0[0].origin, Origin::File(FILE.into(), 2));
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let port = |env: &[(&str, &str)], flags: &[(&'static keys::Key, &str)], file: &str| {
        load(file, env, flags).unwrap().gateway.listen.port()
    };
    let file = "[gateway]\nlisten = \"127.0.0.1:1\"";
    let env = [("RELAY_MANAGER_GATEWAY_LISTEN", "127.0.0.1:2")];
    let flags = [(&keys::GATEWAY_LISTEN, "127.0.0.1:3")];
    assert_eq!(port(&env, &flags, file), 3);
    assert_eq!(port(&env, &[], file), 2);
    assert_eq!(port(&[], &[], file), 1);
    assert_eq!(port(&[], &[], ""), 8787);
}

#[test]
fn a_hidden_mistake_is_still_told() {
    let faults = load("[retry]\nattempts = 0", &[("RELAY_MANAGER_RETRY_ATTEMPTS", "2")], &[]).unwrap_err();
    assert_eq!(faults.0[0].origin, Origin::File(FILE.into(), 2));
}

#[test]
fn the_store_follows_the_data_directory_until_it_is_named() {
    let store = |file: &str| load(file, &[], &[(&keys::DATA_DIR, "/srv/relay")]).unwrap().store;
    assert_eq!(store(""), StoreLocation::Sqlite("/srv/relay/relay.db".into()));
    assert_eq!(store("store = \"sqlite:/db/relay.db\""), StoreLocation::Sqlite("/db/relay.db".into()));
}

#[test]
fn variables_that_are_no_keys_of_ours_do_not_stop_the_server() {
    let env = [
        ("PATH", "/bin"),
        ("RELAY_MANAGER_ADMIN_TOKEN", "x"),
        ("RELAY_MANAGER_MASTER_KEY", "x"),
        ("RELAY_MANAGER_LOG", "debug"),
        ("RELAY_MANAGER_SERVER", "http://x"),
        ("RELAY_MANAGER_CONFIG", "x"),
        ("RELAY_MANAGER_STORE", ""),
        // What Kubernetes puts into the pods of a service called relay-manager.
        ("RELAY_MANAGER_SERVICE_HOST", "10.0.0.1"),
        ("RELAY_MANAGER_SERVICE_PORT_GATEWAY", "8787"),
        ("RELAY_MANAGER_PORT", "tcp://10.0.0.1:8787"),
        ("RELAY_MANAGER_PORT_8787_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(load("", &env, &[]).is_ok());
}

#[test]
fn two_listeners_cannot_share_an_address() {
    let fault = load("[admin]\nlisten = \"127.0.0.1:8787\"", &[], &[]).unwrap_err();
    assert!(fault.to_string().contains("gateway's address too"));
    assert!(load("[admin]\nlisten=\"127.0.0.1:0\"\n[gateway]\nlisten=\"127.0.0.1:0\"", &[], &[]).is_ok());
}

#[test]
fn every_key_is_told_with_where_it_came_from() {
    let file = "[telemetry]\notlp_endpoint = \"https://collector.example/base\"\n[log]\nretention = \"7d\"";
    let env = [("RELAY_MANAGER_STATUS_PAGE_ENABLED", "true")];
    let config = load(file, &env, &[(&keys::DATA_DIR, "/srv/relay")]).unwrap();
    let told = |path: &str| {
        let told = config.provenance.keys.iter().find(|told| told.key.path == path).unwrap();
        (told.value.clone().unwrap_or_default(), told.origin.to_string())
    };
    let expect = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(config.provenance.keys.len(), keys::ALL.len());
    assert_eq!(told("telemetry.otlp_endpoint"), expect("https://collector.example/base", "relay-manager.toml:2"));
    assert_eq!(told("log.retention"), expect("7d", "relay-manager.toml:4"));
    assert_eq!(told("status_page.enabled"), expect("true", "environment RELAY_MANAGER_STATUS_PAGE_ENABLED"));
    assert_eq!(told("data_dir"), expect("/srv/relay", "--data-dir"));
    assert_eq!(told("store"), expect("sqlite:/srv/relay/relay.db", "default"));
    assert_eq!(told("retry.attempts"), expect("3", "default"));
}

#[test]
fn a_status_page_is_off_until_it_is_wanted_and_keeps_to_an_address_of_its_own() {
    let page = |file: &str| load(&format!("[status_page]\n{file}"), &[], &[]).map(|config| config.status_page);
    assert!(page("groups = \"gpt\"").unwrap().is_none());
    let on = page("enabled = true\ngroups = \"gpt, claude,\"\ndays = 30\nlisten = \"0.0.0.0:8789\"").unwrap().unwrap();
    assert_eq!((on.groups, on.days, on.listen), (vec!["gpt".into(), "claude".into()], 30, "0.0.0.0:8789".parse().ok()));
    let faults = page("enabled = \"true\"\nlisten = \"127.0.0.1:8788\"\ndays = 365").unwrap_err().to_string();
    for told in ["write true or false, without quotes", "taken by the gateway or the admin API", "365 is out of range"]
    {
        assert!(faults.contains(told), "{told} in {faults}");
    }
}
