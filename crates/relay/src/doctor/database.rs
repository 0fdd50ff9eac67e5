//! The database, and what ages in it: consumer keys and admin tokens.

use relay_domain::Timestamp;
use relay_store::{Inspection, OpenError, inspect_sqlite};

use super::{Line, days};
use crate::config::{Config, StoreLocation};

/// A key that ends within so many days is told of.
const ENDS_SOON: i64 = 14;

/// An admin token that is older should be replaced.
const TOKEN_GROWS_OLD: i64 = 365;

pub(super) async fn examine(config: &Config, now: Timestamp) -> (Vec<Line>, Inspection) {
    let StoreLocation::Sqlite(path) = &config.store;
    let name = path.display().to_string();
    let inspected = if path.exists() { Some(inspect_sqlite(path).await) } else { None };
    let line = database(&name, inspected.as_ref().map(Result::as_ref));
    let Some(Ok(inspection)) = inspected else { return (vec![line], Inspection::default()) };
    let lines = vec![line, keys(&inspection.ending_keys, now), tokens(&inspection.admin_tokens, now)];
    (lines, inspection)
}

fn database(name: &str, inspected: Option<Result<&Inspection, &OpenError>>) -> Line {
    let check = "database";
    let inspection = match inspected {
        None => {
            return Line::fail(
                check,
                format!("{name} is not there"),
                "start `relay-manager serve`, or restore a backup",
            );
        }
        Some(Err(error)) => {
            return Line::fail(check, format!("{error:#}"), "check that the file is a database and who owns it");
        }
        Some(Ok(inspection)) => inspection,
    };
    if let Some(first) = inspection.faults.first() {
        return Line::fail(
            check,
            format!("{name} is damaged ({} complaints): {first}", inspection.faults.len()),
            "stop the server and restore the last backup with `relay-manager restore`",
        );
    }
    let (schema, known) = (inspection.schema, inspection.known_schema);
    match schema.cmp(&known) {
        std::cmp::Ordering::Greater => Line::fail(
            check,
            format!("{name} has schema {schema}; this program knows {known}"),
            "run the version that wrote it, or a newer one",
        ),
        std::cmp::Ordering::Less => Line::warn(
            check,
            format!("{name} has schema {schema}; this program brings it to {known}"),
            "back up; the next start migrates it, as does `relay-manager migrate`",
        ),
        std::cmp::Ordering::Equal => Line::ok(check, format!("{name}: undamaged, schema {schema}")),
    }
}

fn keys(ending: &[(String, Timestamp)], now: Timestamp) -> Line {
    let check = "consumer keys";
    let soon: Vec<String> = ending
        .iter()
        .filter_map(|(key_id, at)| {
            let left = days(at.duration_since(now));
            match left {
                ..0 => Some(format!("{key_id} expired {} days ago", -left)),
                0..=ENDS_SOON => Some(format!("{key_id} expires in {left} days")),
                _ => None,
            }
        })
        .collect();
    if soon.is_empty() {
        return Line::ok(check, format!("none ends within {ENDS_SOON} days"));
    }
    Line::warn(check, soon.join(", "), "give them a later expires_at in the fleet, or disable them")
}

fn tokens(tokens: &[(String, Timestamp)], now: Timestamp) -> Line {
    let check = "admin tokens";
    let old: Vec<String> = tokens
        .iter()
        .map(|(label, made)| (label, days(now.duration_since(*made))))
        .filter(|(_, age)| *age > TOKEN_GROWS_OLD)
        .map(|(label, age)| format!("{label:?} is {age} days old"))
        .collect();
    match (tokens.is_empty(), old.is_empty()) {
        (true, _) => Line::warn(check, "there is none", "the next start makes one and shows it once"),
        (false, true) => Line::ok(check, format!("{}, none older than {TOKEN_GROWS_OLD} days", tokens.len())),
        (false, false) => Line::warn(check, old.join(", "), "make new ones and remove these"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict::{Fail, Ok as Well, Warn};
    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_database_is_undamaged_and_of_this_versions_schema() {
        let of = |schema, known_schema, faults: &[&str]| Inspection {
            schema,
            known_schema,
            faults: faults.iter().map(ToString::to_string).collect(),
            ..Inspection::default()
        };
        let cases = [
            (of(15, 15, &[]), Well),
            (of(10, 15, &[]), Warn),
            (of(16, 15, &[]), Fail),
            (of(15, 15, &["row 7 missing from index"]), Fail),
        ];
        for (inspection, expected) in cases {
            let line = database("relay.db", Some(Ok(&inspection)));
            assert_eq!((line.verdict, line.remedy.is_empty()), (expected, expected == Well), "{line:?}");
        }
        assert_eq!(database("relay.db", None).verdict, Fail);
    }

    #[test]
    fn keys_that_end_soon_are_named() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let keys_of = |ends: &[(&str, &str)]| {
            keys(&ends.iter().map(|(id, end)| ((*id).to_owned(), at(end))).collect::<Vec<_>>(), now())
        };
        assert_eq!(keys_of(&[("a", "2027-11-26T12:00:00Z")]).verdict, Well);
        let line = keys_of(&[("gone", "2026-11-20T12:00:00Z"), ("soon", "2026-12-01T12:00:00Z")]);
        assert_eq!((line.verdict, line.found.as_str()), (Warn, "gone expired 6 days ago, soon expires in 5 days"));
    }

    #[test]
    fn old_tokens_are_named() {
        let made = |text: &str| vec![("first start".to_owned(), text.parse::<Timestamp>().unwrap())];
        assert_eq!(tokens(&made("2026-11-01T00:00:00Z"), now()).verdict, Well);
        assert_eq!(tokens(&made("2025-01-01T00:00:00Z"), now()).verdict, Warn);
        assert_eq!(tokens(&[], now()).verdict, Warn);
    }
}
