//! When a message that was not delivered is sent again, and when it is given up.

use std::time::Duration;

/// The wait after the first failure; each further one doubles it.
const FIRST: Duration = Duration::from_secs(10);

/// Longest wait, also of one that a service asks for.
const LONGEST: Duration = Duration::from_hours(1);

/// Attempts in all: about five hours, after which the message says little.
const ATTEMPTS: u32 = 13;

/// The wait after `failed` attempts, at least as long as the service `asked`
/// for; `None` when it is time to give up. There is no jitter, since one sender
/// alone speaks for an installation.
pub fn wait(failed: u32, asked: Option<Duration>) -> Option<Duration> {
    if failed >= ATTEMPTS {
        return None;
    }
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)));
    Some(doubled.max(asked.unwrap_or_default()).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_then_it_is_given_up() {
        let waits: Vec<_> = (1..).map_while(|failed| wait(failed, None)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]);
    }

    #[test]
    fn a_service_may_ask_for_longer_but_not_for_ever() {
        let seconds = |asked| wait(1, Some(Duration::from_secs(asked))).unwrap().as_secs();
        assert_eq!([seconds(5), seconds(30), seconds(1_000_000)], [10, 30, 3600]);
    }
}
