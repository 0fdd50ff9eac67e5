//! Calls that `[N]` allows a minute (sub2api-host-api.md §1.2, §1.3, §6): fixed windows that begin with the first call. `[S]` counts nothing.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// Calls allowed a minute; 0 is no limit.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Of one user, on every panel route.
    pub panel: u32,
    /// Whether administrators, and so admin keys, are not counted.
    pub exempt_admins: bool,
    /// Logins from one address.
    pub login: u32,
    /// Two-factor codes from one address.
    pub two_factor: u32,
    /// Renewals from one address.
    pub refresh: u32,
    /// What a minute is; shorter for tests that would fill many.
    pub window: SignedDuration,
    /// Calls that were over a limit.
    pub refused: u64,
    windows: HashMap<String, (Timestamp, u32)>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            panel: 240,
            exempt_admins: true,
            login: 20,
            two_factor: 20,
            refresh: 30,
            window: WINDOW,
            refused: 0,
            windows: HashMap::new(),
        }
    }
}

impl Limits {
    /// Counts a call; over the limit, the seconds until the window ends.
    pub(super) fn count(&mut self, what: &str, limit: u32, now: Timestamp) -> Result<(), i64> {
        if limit == 0 {
            return Ok(());
        }
        let length = self.window;
        let window = self.windows.entry(what.to_owned()).or_insert((now, 0));
        if now.duration_since(window.0) >= length {
            *window = (now, 0);
        }
        window.1 += 1;
        if window.1 <= limit {
            return Ok(());
        }
        self.refused += 1;
        let left = length - now.duration_since(window.0);
        Err((left.as_millis() as i64 + 999) / 1000)
    }
}
