//! The arrows between the crates (ARCHITECTURE.md), and what each crate must not
//! know. Cycles between modules are legal and between crates are not, so the
//! shape of the product is kept here, in the build.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each crate may depend on of our own.
const ARROWS: &[(&str, &[&str])] = &[
    ("relay-domain", &[]),
    ("relay-http1", &[]),
    ("relay-metrics", &[]),
    ("relay-routing", &["relay-domain"]),
    ("relay-limits", &["relay-domain"]),
    ("relay-pricing", &["relay-domain"]),
    ("relay-store", &["relay-domain"]),
    // Where the locks are around what routing decides.
    ("relay-health", &["relay-domain", "relay-routing"]),
    // What a binding means is decided in routing; bindings keep it.
    ("relay-bindings", &["relay-domain", "relay-routing"]),
    ("relay-hosts", &["relay-domain", "relay-http1"]),
    ("relay-ledger", &["relay-domain"]),
    // Spans leave by the client that hosts are called with.
    ("relay-traces", &["relay-domain", "relay-hosts", "relay-metrics"]),
    ("relay-backup", &["relay-store"]),
    // Its outbox is the store's, its HTTP the one that hosts are called with.
    ("relay-notify", &["relay-domain", "relay-hosts", "relay-store"]),
    (
        "relay-gateway",
        &[
            "relay-domain",
            "relay-routing",
            "relay-bindings",
            "relay-health",
            "relay-hosts",
            "relay-http1",
            "relay-ledger",
            "relay-limits",
            "relay-metrics",
            "relay-pricing",
            "relay-traces",
        ],
    ),
    (
        "relay-control",
        &[
            "relay-domain",
            "relay-routing",
            "relay-store",
            "relay-bindings",
            "relay-health",
            "relay-hosts",
            "relay-ledger",
            "relay-metrics",
            "relay-pricing",
            "relay-notify",
        ],
    ),
    ("relay-admin", &["relay-domain", "relay-control"]),
    // Pages over the same use cases; the API behind them is handed over as a router.
    ("relay-console", &["relay-domain", "relay-control"]),
    ("relay-testkit", &[]),
    (
        "relay-manager",
        &[
            "relay-domain",
            "relay-routing",
            "relay-store",
            "relay-bindings",
            "relay-health",
            "relay-hosts",
            "relay-ledger",
            "relay-gateway",
            "relay-metrics",
            "relay-control",
            "relay-admin",
            "relay-console",
            "relay-backup",
            "relay-traces",
            "relay-testkit",
        ],
    ),
];

/// Which crates alone may use a third-party crate.
const RESERVED: &[(&str, &[&str])] = &[
    // No SQL outside the three that own files.
    ("sqlx", &["relay-store", "relay-bindings", "relay-ledger"]),
    // A backup copies SQLite files by SQLite, and asks them nothing.
    ("rusqlite", &["relay-store", "relay-bindings", "relay-ledger", "relay-backup"]),
    // The gateway's hot path speaks HTTP by relay-http1 alone.
    ("axum", &["relay-admin", "relay-console"]),
    ("askama", &["relay-admin", "relay-console"]),
    ("hyper", &["relay-hosts", "relay-testkit", "relay-admin", "relay-manager"]),
    // The root of the process alone may leave errors untyped.
    ("anyhow", &["relay-manager"]),
    ("clap", &["relay-manager"]),
    ("lettre", &["relay-notify"]),
    // Beside the `Serialize` of what the API answers, and nowhere else (ADR 0012).
    ("utoipa", &["relay-admin", "relay-control", "relay-ledger", "relay-hosts", "relay-store", "relay-pricing"]),
    ("utoipa-axum", &["relay-admin"]),
    // No second HTTP stack comes with traces.
    ("prost", &["relay-traces"]),
];

/// What no crate of ours may use: a second HTTP stack, TLS, time library.
const REFUSED: &[&str] = &["reqwest", "openssl", "native-tls", "chrono", "time", "actix-web", "ureq"];

/// Crates that do no IO and read no clock.
const PURE: &[&str] = &["relay-domain", "relay-routing"];
const IMPURE: &[&str] = &["tokio", "hyper", "hyper-util", "getrandom", "socket2", "tempfile"];

/// Names that fill up with whatever has no place.
const JUNK_DRAWERS: &[&str] = &["core", "common", "utils", "util", "types", "model", "models", "helpers", "misc"];

struct Package {
    name: String,
    directory: PathBuf,
    normal: BTreeSet<String>,
    dev: BTreeSet<String>,
    roots: Vec<PathBuf>,
}

fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(workspace_root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

fn package(package: &Value) -> Package {
    let dependencies = |dev: bool| {
        let all = package["dependencies"].as_array().unwrap().iter();
        let of_kind = all.filter(|dependency| (dependency["kind"] == "dev") == dev);
        of_kind.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
    };
    let targets = package["targets"].as_array().unwrap().iter();
    let product =
        targets.filter(|target| target["kind"].as_array().unwrap().iter().any(|kind| kind == "lib" || kind == "bin"));
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    Package {
        name: package["name"].as_str().unwrap().to_owned(),
        directory: manifest.parent().unwrap().to_owned(),
        normal: dependencies(false),
        dev: dependencies(true),
        roots: product.map(|target| PathBuf::from(target["src_path"].as_str().unwrap())).collect(),
    }
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let packages = packages();
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.clone()).collect();
    let mut faults = Vec::new();
    for package in &packages {
        let Some(allowed) = arrows.get(package.name.as_str()) else {
            faults.push(format!("{} has no arrows; draw them in this test and in ARCHITECTURE.md", package.name));
            continue;
        };
        for dependency in package.normal.intersection(&ours) {
            if !allowed.contains(&dependency.as_str()) {
                faults.push(format!("{} must not depend on {dependency}", package.name));
            }
        }
        // Tests may put together whatever is below them, and the scripted fake host.
        let below = below(&package.name, &arrows);
        for dependency in package.dev.intersection(&ours) {
            if !below.contains(dependency.as_str()) && dependency != "relay-testkit" && *dependency != package.name {
                faults.push(format!("tests of {} must not depend on {dependency}", package.name));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Everything that a crate reaches along the arrows.
fn below<'a>(name: &str, arrows: &BTreeMap<&'a str, &'a [&'a str]>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for next in arrows.get(name).copied().unwrap_or_default() {
        found.insert(*next);
        found.extend(below(next, arrows));
    }
    found
}

#[test]
fn third_party_crates_stay_where_they_belong() {
    let mut faults = Vec::new();
    for package in packages() {
        for (name, allowed) in RESERVED {
            if package.normal.contains(*name) && !allowed.contains(&package.name.as_str()) {
                faults.push(format!("{} must not use {name}; only {allowed:?} may", package.name));
            }
        }
        for name in REFUSED {
            if package.normal.contains(*name) || package.dev.contains(*name) {
                faults.push(format!("{} must not use {name}: one HTTP stack, one TLS, one time library", package.name));
            }
        }
        if PURE.contains(&package.name.as_str()) {
            let impure = IMPURE.iter().filter(|name| package.normal.contains(**name));
            faults.extend(impure.map(|name| format!("{} does no IO and must not use {name}", package.name)));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn no_crate_is_a_junk_drawer() {
    for package in packages() {
        let directory = package.directory.file_name().unwrap().to_str().unwrap().to_owned();
        let name = package.name.strip_prefix("relay-").unwrap_or(&package.name);
        assert!(!JUNK_DRAWERS.contains(&name) && !JUNK_DRAWERS.contains(&directory.as_str()), "{}", package.name);
    }
}

#[test]
fn every_crate_forbids_unsafe_code_and_inherits_the_lints() {
    for package in packages() {
        assert!(!package.roots.is_empty(), "{} has nothing to build", package.name);
        for root in &package.roots {
            let source = std::fs::read_to_string(root).unwrap();
            assert!(source.contains("#![forbid(unsafe_code)]"), "{} lacks it", root.display());
        }
        let manifest = std::fs::read_to_string(package.directory.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{}", package.name);
    }
}

#[test]
fn versions_stand_in_the_root_alone() {
    for package in packages() {
        let manifest = std::fs::read_to_string(package.directory.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, dependency) in manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
                assert_eq!(
                    dependency.get("workspace").and_then(toml::Value::as_bool),
                    Some(true),
                    "{}: {name} must be written as {name}.workspace = true",
                    package.name
                );
            }
        }
    }
}
