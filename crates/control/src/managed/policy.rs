//! How managed access is kept: the constants of what is made on hosts, and the
//! times of the worker. An argument, so that tests can make a month a second.

use std::num::NonZeroU32;
use std::time::Duration;

/// The constants of managed access.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Days of a subscription when it is assigned or extended. Hosts compare the days of a
    /// repeated assignment, so this is the same for every one.
    pub validity_days: u32,
    /// A subscription is extended this long before its end.
    pub renew_ahead: Duration,
    /// Requests at once of a user that we make, over all keys. Consumers are limited by Relay
    /// Manager itself; a host's own limit is only to be out of the way, and is never left to the
    /// host, which would take 5 or none.
    pub user_concurrency: NonZeroU32,
    /// Keys that a user of a host may have, over all groups. Neither known version limits them; forks and operators do,
    /// and what refuses a key for their number is then met once for each grant and look.
    pub keys_per_user: Option<NonZeroU32>,
    /// How long a replaced key stays good for what still uses it: requests in flight, and
    /// processes that have not heard of the new one.
    pub overlap: Duration,
    /// Tries of one job while the host fails, and the first pause between them, which doubles.
    pub tries: u32,
    /// See `tries`.
    pub pause: Duration,
    /// A grant whose job failed is looked at again after this time, which doubles.
    pub first_backoff: Duration,
    /// The longest such time.
    pub longest_backoff: Duration,
    /// A grant that waits for a person is looked at again after this time.
    pub recheck: Duration,
    /// Grants that are due are looked for this often.
    pub poll: Duration,
    /// Jobs at once for grants that are due. Requests that wait for a key come on top of it.
    pub jobs: usize,
    /// What was read of a user or group counts for this long.
    pub freshness: Duration,
    /// A key that a gateway refuses again within this time after it was found to be good is not
    /// looked at once more, but refused for `first_rejection`.
    pub suspicion: Duration,
    /// See `suspicion`; doubles up to an hour.
    pub first_rejection: Duration,
    /// A key whose quota is used up is left alone for this long, when nobody knows until when.
    pub quota_rest: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            validity_days: 30,
            renew_ahead: Duration::from_hours(7 * 24),
            user_concurrency: NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN),
            keys_per_user: None,
            overlap: Duration::from_mins(10),
            tries: 3,
            pause: Duration::from_millis(250),
            first_backoff: Duration::from_secs(5),
            longest_backoff: Duration::from_mins(10),
            recheck: Duration::from_mins(15),
            poll: Duration::from_secs(5),
            jobs: 8,
            freshness: Duration::from_mins(1),
            suspicion: Duration::from_mins(1),
            first_rejection: Duration::from_mins(1),
            quota_rest: Duration::from_mins(10),
        }
    }
}

/// Longest time for which a refused key is not looked at (spec §5 has an hour for every learned wait).
pub(super) const LONGEST_REJECTION: Duration = Duration::from_hours(1);

/// `first` doubled `times`, at most `longest`, give or take a fifth by `jitter` (0 to 1).
pub(super) fn backoff(first: Duration, times: u32, longest: Duration, jitter: f64) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(times.min(20)));
    doubled.min(longest).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backoff_doubles_to_its_limit_and_is_spread() {
        let of = |times, jitter| backoff(Duration::from_secs(5), times, Duration::from_mins(10), jitter).as_secs_f64();
        assert_eq!((of(0, 0.5), of(1, 0.5), of(3, 0.5)), (5.0, 10.0, 40.0));
        assert_eq!((of(0, 0.0), of(0, 1.0)), (4.0, 6.0));
        assert_eq!((of(30, 0.5), of(u32::MAX, 1.0)), (600.0, 720.0));
    }
}
