//! Credentials of routes, and secrets: given, referred to, kept, made, and never given away.

use super::*;

#[test]
fn credentials_must_fit_together() {
    let gateway_key = "gateway_key = { env = \"TOKYO1_GATEWAY_KEY\" }";
    let message = "credential \"host_key\" needs a gateway_key, and host \"tokyo-1\" has none";
    fault(gateway_key, "", "route[0].credential", ROUTE, message);
    let message = "a host of kind \"openai\" has no admin API, but admin_key is given";
    fault("\"sub2api\"", "\"openai\"", "host[0].admin_key", HOST, message);
    let login = format!("{gateway_key}\nlogin = {{ email = \"a@b\", password = \"x\" }}");
    fault(gateway_key, &login, "host[0].login", HOST, "both admin_key and login are given");
    let admin_key = "admin_key = { env = \"TOKYO1_ADMIN_KEY\" }";
    let no_password = "login = { email = \"a@b\" }";
    fault(admin_key, no_password, "host[0].login.password", HOST, "password is missing");
}

#[test]
fn unresolved_secrets_name_the_reference() {
    let check = |secret: &str, message: &str| fault("{ env = \"TEAM_A_KEY\" }", secret, "key[0].secret", KEY, message);
    check("{ env = \"NOWHERE\" }", "secret: environment variable NOWHERE is not set");
    check("{ file = \"/no\" }", "secret: file /no is not there");
    check("{ env = \"EMPTY\" }", "secret is empty: environment variable EMPTY holds nothing");
    check("\"\"", "secret is empty: the value holds nothing");
    check(
        "{ env = \"SPACED\" }",
        "secret: environment variable SPACED holds a space, a line break or a character beyond ASCII",
    );
    check("{ env = \"A\", file = \"b\" }", "secret has both env and file");
    check("{ }", "secret names neither env nor file");
    check("{ envs = \"A\" }", "secret has fields envs");
    check("{ keep = true }", "secret = { keep = true }, but this key is not stored");
}

#[test]
fn a_value_beside_a_reference_is_used_and_the_reference_is_kept() {
    let text = FLEET.replace("{ env = \"TEAM_A_KEY\" }", "{ env = \"NOWHERE\", value = \" rk-sent \" }");
    let key = &read_new(&text).expect("legal").fleet.keys[0];
    assert_eq!(key.hash, hash(&Secret::new("rk-sent")));
    assert_eq!(key.source, relay_domain::SecretSource::Env("NOWHERE".into()));
}

#[test]
fn a_client_sends_the_values_it_can_see_and_leaves_the_rest_to_the_server() {
    let text = FLEET.replace("TOKYO1_ADMIN_KEY", "ONLY_ON_SERVER");
    let mut document = FleetDocument::from_toml(&text).expect("TOML");
    document.inline_secrets(&words());
    assert_eq!(format!("{document:?}"), "FleetDocument(…)");
    let sent = document.into_json();
    assert_eq!(sent["host"][0]["admin_key"], json!({"env": "ONLY_ON_SERVER"}));
    assert_eq!(sent["key"][0]["secret"], json!({"env": "TEAM_A_KEY", "value": "rk-team-a-0123456789"}));
}

#[test]
fn a_key_without_a_secret_keeps_its_own_or_gets_a_new_one() {
    let text = FLEET.replace("secret = { env = \"TEAM_A_KEY\" }\n", "");
    let first = read_new(&text).expect("legal");
    assert_eq!(first.generated.len(), 1);
    assert_eq!(first.generated[0].key_id, "team-a");
    assert_eq!(first.fleet.keys[0].hash, hash(&first.generated[0].secret));
    let second = read_over(&first.fleet, &text).expect("legal");
    assert_eq!((second.generated.len(), second.fleet), (0, first.fleet));
}

#[test]
fn the_process_gives_no_secret_of_its_own_away() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    std::fs::create_dir(&data).expect("a directory");
    std::fs::write(data.join("master.key"), "canary").expect("written");
    std::fs::write(directory.path().join("team.key"), " sk-file \n").expect("written");
    let resolver = ProcessSecrets::default().relative_to(directory.path()).deny(&data);
    assert_eq!(resolver.file("team.key").expect("readable").expose(), "sk-file");
    assert!(matches!(resolver.file("data/master.key"), Err(Unresolved::Refused(_))));
    assert!(matches!(resolver.file("data/../data/master.key"), Err(Unresolved::Refused(_))));
    assert!(matches!(resolver.file("data"), Err(Unresolved::Refused(_))));
    assert!(matches!(resolver.file("."), Err(Unresolved::Unreadable(_))));
    assert_eq!(resolver.file("none").expect_err("missing"), Unresolved::Missing);
    assert!(matches!(resolver.env("RELAY_MANAGER_MASTER_KEY"), Err(Unresolved::Refused(_))));
    assert!(matches!(resolver.env("relay_manager_x"), Err(Unresolved::Refused(_))));
}
