//! Each host of the fleet: whether it can be reached, and how long its certificate lasts.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::SignedDuration;
use jiff::fmt::rfc2822;
use relay_domain::{BaseUrl, Timestamp};
use relay_hosts::{Inspected, SendError, inspect};
use relay_store::InspectedHost;

use super::{Line, days};

/// A certificate that ends within so many days should have been renewed by now.
const ENDS_SOON: i64 = 14;

/// Hosts looked at at once.
const AT_ONCE: usize = 16;

/// Their lines, and how far the clock of each is ahead of ours.
pub(super) async fn examine(
    hosts: &[InspectedHost],
    limit: Duration,
    now: Timestamp,
) -> (Vec<Line>, Vec<(String, SignedDuration)>) {
    if hosts.is_empty() {
        let remedy = "describe the fleet in a file and publish it with `relay-manager apply -f fleet.toml`";
        return (vec![Line::warn("hosts", "the fleet has no enabled host", remedy)], Vec::new());
    }
    let looked = stream::iter(hosts).map(|host| async move {
        let looked = match BaseUrl::parse(&host.base_url) {
            Ok(base_url) => inspect(&base_url, host.allow_private, limit).await.map_err(Unreached::Sending),
            Err(error) => Err(Unreached::Url(error.to_string())),
        };
        (host, looked)
    });
    let looked: Vec<_> = looked.buffered(AT_ONCE).collect().await;
    let dates = looked.iter().filter_map(|(host, looked)| {
        let date = rfc2822::DateTimeParser::new().parse_timestamp(looked.as_ref().ok()?.date.as_ref()?).ok()?;
        Some((host.host_id.clone(), date.duration_since(now)))
    });
    let dates = dates.collect();
    (looked.into_iter().map(|(host, looked)| judge(&host.host_id, looked, now)).collect(), dates)
}

enum Unreached {
    Url(String),
    Sending(SendError),
}

fn judge(host_id: &str, looked: Result<Inspected, Unreached>, now: Timestamp) -> Line {
    let check = "host";
    let inspected = match looked {
        Ok(inspected) => inspected,
        Err(Unreached::Url(why)) => {
            return Line::fail(check, format!("{host_id}: its base_url {why}"), "correct it in the fleet");
        }
        Err(Unreached::Sending(error)) => {
            let remedy = match &error {
                SendError::PrivateAddress => "set allow_private = true on the host if that is meant",
                SendError::NotSent(_) => "check name, port, firewall and certificate from this machine",
                SendError::Broken(_) | SendError::Junk(_) => "check that base_url is the host's, not another service's",
            };
            return Line::fail(check, format!("{host_id}: {}", causes(&error)), remedy);
        }
    };
    if inspected.status.is_server_error() {
        return Line::warn(check, format!("{host_id} answers {}", inspected.status), "look at that host's own log");
    }
    match inspected.certificate_expires_at.map(|at| days(at.duration_since(now))) {
        Some(left @ ..=ENDS_SOON) => Line::warn(
            check,
            format!("{host_id} can be reached; its certificate ends in {left} days"),
            "have it renewed: connections fail when it has ended",
        ),
        Some(left) => Line::ok(check, format!("{host_id} can be reached; its certificate lasts {left} days")),
        None => Line::ok(check, format!("{host_id} can be reached, without TLS")),
    }
}

/// The error and what is behind it, each said once.
fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::super::Verdict::{Fail, Ok as Well, Warn};
    use super::*;

    #[test]
    fn a_host_can_be_reached_and_its_certificate_lasts() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        let shown = |status: u16, expires: Option<&str>| {
            Ok(Inspected {
                status: StatusCode::from_u16(status).unwrap(),
                certificate_expires_at: expires.map(|at| at.parse().unwrap()),
                date: None,
            })
        };
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into();
        let cases = [
            (shown(401, Some("2027-02-01T00:00:00Z")), Well),
            (shown(200, None), Well),
            (shown(401, Some("2026-12-01T00:00:00Z")), Warn),
            (shown(502, None), Warn),
            (Err(Unreached::Sending(SendError::NotSent(refused()))), Fail),
            (Err(Unreached::Sending(SendError::PrivateAddress)), Fail),
            (Err(Unreached::Url("is not a URL".to_owned())), Fail),
        ];
        for (looked, expected) in cases {
            let line = judge("tokyo-1", looked, now);
            assert_eq!((line.verdict, line.remedy.is_empty()), (expected, expected == Well), "{line:?}");
        }
    }
}
