//! Login attempts, limited by address (spec §10): a few are free, then each one that fails makes the
//! next wait twice as long.
//!
//! An attempt counts before it is judged, so that guesses made at the same time gain nothing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use relay_domain::Timestamp;

/// Mistakes that cost nothing.
const FREE: u32 = 5;

/// Nobody waits longer: a token of 256 bits is not guessed at this pace.
const LONGEST: Duration = Duration::from_mins(15);

/// Mistakes are forgotten after this time without a new one.
const FORGET: Duration = Duration::from_hours(1);

/// Addresses remembered; of more, those that wait least are forgotten.
const MAX_ADDRESSES: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Tried {
    times: u32,
    last: Timestamp,
    until: Timestamp,
}

/// Who tried how often.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<IpAddr, Tried>>);

impl Throttle {
    /// Counts an attempt.
    ///
    /// # Errors
    /// How long the address has to wait; then it does not count.
    pub(crate) fn attempt(&self, address: IpAddr, now: Timestamp) -> Result<(), Duration> {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        let before = tried.get(&address).filter(|before| now < after(before.last, FORGET));
        if let Some(before) = before.filter(|before| now < before.until) {
            return Err(before.until.duration_since(now).unsigned_abs());
        }
        let times = before.map_or(0, |before| before.times) + 1;
        let wait = match times.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(over) => Duration::from_secs(1 << over.min(20)).min(LONGEST),
        };
        if tried.len() >= MAX_ADDRESSES && !tried.contains_key(&address) {
            tried.retain(|_, other| now < after(other.last, FORGET));
            let least = tried.iter().min_by_key(|(_, other)| other.until).map(|(address, _)| *address);
            if let Some(least) = least.filter(|_| tried.len() >= MAX_ADDRESSES) {
                tried.remove(&least);
            }
        }
        tried.insert(address, Tried { times, last: now, until: after(now, wait) });
        Ok(())
    }

    /// The attempt was right: the address starts anew.
    pub(crate) fn succeeded(&self, address: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&network(address));
    }
}

fn after(at: Timestamp, span: Duration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

/// A household or host has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn waits_double_after_a_few_free_mistakes_and_end() {
        let throttle = Throttle::default();
        let from = address("192.0.2.1");
        for _ in 0..FREE {
            assert_eq!(throttle.attempt(from, at(0)), Ok(()));
        }
        assert_eq!(throttle.attempt(from, at(0)), Err(Duration::from_secs(1)));
        assert_eq!(throttle.attempt(from, at(1)), Ok(()));
        assert_eq!(throttle.attempt(from, at(1)), Err(Duration::from_secs(2)));
        assert_eq!(throttle.attempt(address("192.0.2.2"), at(1)), Ok(()), "others do not wait");
        let mut now = 3;
        for _ in 0..20 {
            assert_eq!(throttle.attempt(from, at(now)), Ok(()));
            now += 900;
        }
        assert_eq!(throttle.attempt(from, at(now + 3_600)), Ok(()));
        assert_eq!(throttle.attempt(from, at(now + 3_600)), Ok(()), "forgotten after an hour");
    }

    #[test]
    fn success_starts_anew() {
        let throttle = Throttle::default();
        let from = address("2001:db8::1");
        for _ in 0..FREE {
            throttle.attempt(from, at(0)).unwrap();
        }
        assert!(throttle.attempt(address("2001:db8::ffff"), at(0)).is_err(), "one network");
        throttle.succeeded(from);
        assert_eq!(throttle.attempt(from, at(0)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for number in 0..=MAX_ADDRESSES as u32 {
            throttle.attempt(std::net::Ipv4Addr::from_bits(number).into(), at(0)).unwrap();
        }
        assert_eq!(throttle.0.lock().unwrap().len(), MAX_ADDRESSES);
    }
}
