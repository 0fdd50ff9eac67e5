//! Reading ahead: the sums that pages begin with are read in the background, at the start and whenever an hour is over, so
//! that nobody has to wait for them who looks first.

use std::time::Duration;

use relay_domain::{Period, Timestamp};
use relay_ledger::RollupFilter;

use super::over_time::is_by_the_hour;
use super::stretches::{DAY, Stretch};
use super::{HOUR, Step, empty_steps, floor, step_seconds};
use crate::Control;
use crate::page::QueryError;

/// The spans that pages offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsualSpan {
    /// The last 24 hours.
    Day,
    /// The last seven days.
    Week,
    /// The last thirty days.
    Month,
    /// The present day, in UTC.
    Today,
    /// It and the six days before.
    SevenDays,
    /// The present calendar month.
    ThisMonth,
}

impl UsualSpan {
    /// Those that charts with samples are drawn of.
    const ROLLING: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Those that are told by route.
    const BY_ROUTE: [Self; 4] = [Self::ThisMonth, Self::SevenDays, Self::Day, Self::Today];

    /// When it begins, seen at `now`.
    pub fn from(self, now: Timestamp) -> Timestamp {
        let back = |days: u64| now.saturating_sub(Duration::from_hours(24 * days)).unwrap_or(now);
        match self {
            Self::Day => back(1),
            Self::Week => back(7),
            Self::Month => back(30),
            Self::Today => Period::Day.around(now).0,
            Self::SevenDays => Period::Day.around(back(6)).0,
            Self::ThisMonth => Period::Month.around(now).0,
        }
    }
}

impl Control {
    /// Reads what pages begin with and is not remembered; what takes long is read piece by piece. To be called at the start
    /// and now and then: a call that finds nothing new reads nothing but the newest samples.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn read_ahead(&self) -> Result<(), QueryError> {
        let now = self.now();
        for span in [UsualSpan::Day, UsualSpan::Week, UsualSpan::ThisMonth, UsualSpan::Month] {
            self.remember_sums(span.from(now), DAY).await?;
        }
        let hourly =
            UsualSpan::BY_ROUTE.map(|span| span.from(now)).into_iter().filter(|from| is_by_the_hour(*from, now));
        if let Some(from) = hourly.min() {
            self.remember_sums(from, HOUR).await?;
        }
        // An hour ahead, so that none of them begins anew at once for whoever looks when the hour or the day changes.
        let later = now.saturating_add(Duration::from_hours(1)).unwrap_or(now);
        let spans = UsualSpan::BY_ROUTE.into_iter().flat_map(|span| [now, later].map(|now| span.from(now)));
        for from in spans {
            self.remember_routes(floor(from, HOUR)).await?;
        }
        for span in UsualSpan::ROLLING {
            self.remember_samples(span.from(now), now).await?;
        }
        Ok(())
    }

    async fn remember_sums(&self, from: Timestamp, longest: i64) -> Result<(), QueryError> {
        let (filed, filter) = (self.filed_until(), RollupFilter::default());
        let span = (floor(from, HOUR), filed);
        for stretch in self.remembered_traffic.missing((span, longest), &filter, filed) {
            let (remembered, filter) = (std::sync::Arc::clone(&self.remembered_traffic), filter.clone());
            let _counting = self.counting.lock().await;
            self.read_log(move |log| {
                remembered.read(stretch, &filter, filed, |from, to| Stretch::read(log, from, to, &filter)).map(drop)
            })
            .await?;
        }
        Ok(())
    }

    /// Samples of the steps that a chart of a span has.
    async fn remember_samples(&self, from: Timestamp, now: Timestamp) -> Result<(), QueryError> {
        let from = floor(from, HOUR);
        let seconds = step_seconds(from, now);
        let steps: Vec<Timestamp> = empty_steps(from, now, seconds).iter().map(|Step { at, .. }| *at).collect();
        let step = Duration::from_secs(seconds.unsigned_abs());
        // Each call reads for a bounded time and remembers what it read.
        for _ in 0..steps.len() {
            if !self.timings(steps.clone(), step, RollupFilter::default()).await?.is_cut {
                break;
            }
        }
        Ok(())
    }
}
