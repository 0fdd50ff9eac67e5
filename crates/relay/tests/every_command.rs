//! Every command there is, run by a person and by a script: tables fit a narrow terminal, and colors and cursor movements
//! are for terminals alone. A new command has to be in the table.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;

use relay_testkit::{FakeGroup, FakeHost, Personality, Reply};
use support::terminal::{bare, check_width, commands, is_colored, run_on_terminal};
use support::{Server, fleet, stderr, stdout};

/// Narrower than the widest table wants to be.
const COLUMNS: u16 = 60;

/// In an order that works, each with a name of its own in each round: `{n}`.
const COMMANDS: &str = "
plan -f fleet.toml
apply -f fleet.toml
export
simulate --down tokyo
host list
host show tokyo
host add h-{n} --base-url https://h-{n}.example
host set h-{n} ask_usage=false
host drain h-{n}
host disable h-{n}
host enable h-{n}
host remove h-{n}
host probe tokyo
host sync tokyo
host reconcile tokyo --since 2026-01-01T00:00:00Z
access ensure tokyo team-a@relay.example 7
access show
host rotate tokyo
access revoke tokyo team-a@relay.example 7
group list
group show gpt
group create g-{n}
group set g-{n} failback=ttl
group disable g-{n}
group enable g-{n}
group remove g-{n}
route list
route show gpt-tokyo
route create r-{n} --group gpt --model m-{n} --host tokyo shadow_group_id=7
route set r-{n} weight=5
route drain r-{n}
route disable r-{n}
route enable r-{n}
route remove r-{n}
key list
key show team-a
key create k-{n} --group gpt
key update k-{n} --label x
key rotate k-{n}
key disable k-{n}
key enable k-{n}
key delete k-{n}
token list
token whoami
token create t-{n} --role viewer
token delete {token}
generations list
generations show 1
generations diff 1
generations rollback 1
resolve --group gpt --model gpt-5 --scope conversation --subject {n}
explain r-1
decisions
bindings list
bindings get {sticky}
bindings purge --model gpt-5
health
usage --by consumer,model
prices
notify channel add c-{n} type=webhook url={hook} secret=s allow_private=true
notify channel list
notify channel show c-{n}
notify channel set c-{n} min_severity=critical
notify channel test c-{n}
notify deliveries
notify channel delete c-{n}
verify-log --data-dir data
doctor --data-dir data
backup b-{n} --data-dir data --passphrase-file passphrase
restore b-{n} --data-dir restored-{n} --passphrase-file passphrase
migrate --data-dir restored-{n}
";

/// Servers, which go on until they are told to stop; and what writes for a shell, not for a person.
const NOT_HERE: [&str; 4] = ["serve", "demo", "restart", "completions"];

fn lines() -> impl Iterator<Item = &'static str> {
    COMMANDS.trim().lines()
}

#[test]
fn every_command_is_in_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let there = commands(directory.path());
    assert!(there.len() > 60, "{there:?}");
    let longest = |line: &str| there.iter().filter(|name| format!("{line} ").starts_with(&format!("{name} "))).max();
    let tried: BTreeSet<_> = lines().map(|line| longest(line).unwrap_or_else(|| panic!("no {line}")).clone()).collect();
    let expected: BTreeSet<_> = there.iter().filter(|name| !NOT_HERE.contains(&name.as_str())).cloned().collect();
    assert_eq!(tried, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_fits_a_narrow_terminal_and_writes_no_color_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let (admin_key, group) = ("admin-key-for-tests", FakeGroup::new(7, "pool"));
    let host = FakeHost::builder().personality(Personality::N).admin_key(admin_key).group(group).start().await;
    let server = Server::start(directory.path());
    let kind = format!("kind = \"sub2api\"\nadmin_key = \"{admin_key}\"");
    let fleet = fleet(&[("tokyo", &host.base_url())]).replace("kind = \"openai\"", &kind);
    let fleet =
        fleet.replace("key_id = \"team-a\"", "key_id = \"team-a\"\nsubscription_user = \"team-a@relay.example\"");
    assert!(server.apply(&fleet).status.success());
    std::fs::write(directory.path().join("passphrase"), "long enough to be one\n").unwrap();
    let body = support::http::chat_body("c-1", false).to_string();
    let key = format!("Bearer {}", support::CONSUMER_KEY);
    let headers = [("authorization", key.as_str()), ("content-type", "application/json"), ("x-request-id", "r-1")];
    let sent =
        support::http::try_send(server.gateway, http::Method::POST, "/v1/chat/completions", &headers, &body).await;
    sent.unwrap().text().await;
    let mut seen_colored = 0;
    for (round, name) in ["one", "two"].into_iter().enumerate() {
        for line in lines() {
            host.script_path("/hook", Reply::empty(204));
            let sticky = || {
                let bindings = server.json(&["bindings", "list"]);
                bindings["items"][0]["sticky_key"].as_str().expect("a binding").to_owned()
            };
            let line = line.replace("{n}", name).replace("{token}", &(round + 2).to_string());
            let line = line.replace("{hook}", &format!("{}/hook", host.base_url()));
            let line = if line.contains("{sticky}") { line.replace("{sticky}", &sticky()) } else { line };
            // Of a terminal the first time, and of a pipe the second.
            let (code, shown) = if round == 0 {
                run_on_terminal(&server, COLUMNS, &[], &line)
            } else {
                let output = server.cli(&line.split(' ').collect::<Vec<_>>());
                (output.status.code(), stdout(&output) + &stderr(&output))
            };
            // A plan says by its code that something is pending, a doctor that something is not well, and a reconciliation
            // that the host has not billed what was answered more than a minute ago: this one, when it took so long.
            let unbilled = code == Some(1) && shown.contains("missing_on_host");
            let is_done = matches!(code, Some(0 | 3)) || unbilled || line.starts_with("doctor");
            assert!(is_done, "{line}: {code:?} {shown}");
            assert!(!bare(&shown).trim().is_empty(), "{line} shows nothing");
            if round == 0 {
                // A file is written as it is.
                if line != "export" {
                    check_width(&bare(&shown), COLUMNS, &line);
                }
                seen_colored += usize::from(is_colored(&shown));
            } else {
                assert!(!shown.contains('\u{1b}'), "{line}: {shown}");
            }
        }
    }
    assert!(seen_colored > 10, "tables have colors on a terminal");
}
