//! Which decisions a replay looks at, as a query says.

use std::time::Duration;

use jiff::SignedDuration;
use relay_control::blast_radius::ReplayWindow;
use relay_domain::Timestamp;
use utoipa::IntoParams;

use crate::query::Query;

/// Which decisions are replayed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `window` reads")]
pub(crate) struct WindowQuery {
    /// From this time on, or so long ago: `24h` when left out.
    since: Option<String>,
    /// Before this time, or so long ago; now when left out.
    until: Option<String>,
    /// Of more decisions the newest so many; 1000000 when left out.
    #[param(minimum = 1, maximum = 100_000_000)]
    at_most: Option<u64>,
    /// How long it may take, up to `5m`; `5s` when left out.
    time_limit: Option<String>,
}

/// Longest that a replay may be given.
const LONGEST: Duration = Duration::from_mins(5);

/// Most decisions that a replay may be given.
const MOST: u64 = 100_000_000;

/// Reads the window; faults are noted.
pub(super) fn window(query: &mut Query, now: Timestamp) -> ReplayWindow {
    let default = ReplayWindow::recent(now);
    let to = query.parsed("until", |text| time(text, now)).unwrap_or(default.to);
    let from = query.parsed("since", |text| time(text, now)).unwrap_or(default.from);
    let at_most = query.parsed("at_most", |text| match text.parse() {
        Ok(count) if (1..=MOST).contains(&count) => Ok(count),
        _ => Err(format!("must be a number from 1 to {MOST}")),
    });
    let time_limit = query.parsed("time_limit", |text| match humantime::parse_duration(text) {
        Ok(limit) if !limit.is_zero() && limit <= LONGEST => Ok(limit),
        _ => Err("must be a time up to 5m, such as 5s"),
    });
    if from >= to {
        query.fault("since", "must be before until");
    }
    ReplayWindow {
        from,
        to,
        at_most: at_most.unwrap_or(default.at_most),
        time_limit: time_limit.unwrap_or(default.time_limit),
    }
}

/// A time, or how long ago it is.
fn time(text: &str, now: Timestamp) -> Result<Timestamp, &'static str> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let ago = humantime::parse_duration(text).ok().and_then(|ago| SignedDuration::try_from(ago).ok());
    let ago = ago.ok_or("must be how long ago, such as 24h, or a time such as 2026-11-26T00:00:00Z")?;
    Ok(now.saturating_sub(ago).unwrap_or(Timestamp::MIN))
}
