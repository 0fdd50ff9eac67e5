//! Rules about several breakers at once, from counts alone (spec §5). Whoever keeps the
//! breakers does the counting.

/// Whether one more of a model's routes may open by its rate of failures: at most half of them
/// may. A rate is relative to what a model's requests are like just now; when most
/// routes have a bad one, refusing them all helps nobody. Failures in a row are not
/// limited by this.
///
/// `open` counts the others that are open or half-open by rate ([`crate::breaker::OpenedBy::Rate`]);
/// `routes` counts all routes of the model that are enabled.
pub fn may_open_by_rate(open: usize, routes: usize) -> bool {
    open < routes / 2
}

/// Whether routes of one host fail together, so that the host is to blame and the rest of
/// its routes need not find out one by one.
///
/// `open` counts its routes whose breaker opened, or had a probe fail, within the window
/// ([`crate::breaker::Opening::failed`]): an old opening that nobody has asked about since is no
/// news. `well` counts those that had a usable answer within it. One route that serves
/// acquits the host; one that fails alone does not convict it.
pub fn host_is_to_blame(open: usize, well: usize) -> bool {
    open >= 2 && well == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_half_open_by_rate() {
        for routes in 0..20 {
            let mut open = 0;
            while may_open_by_rate(open, routes) {
                open += 1;
            }
            assert_eq!(open, routes / 2);
        }
    }

    #[test]
    fn a_host_is_to_blame_when_several_routes_fail_and_none_serves() {
        for (open, well, to_blame) in [(0, 0, false), (1, 0, false), (2, 0, true), (2, 1, false), (9, 0, true)] {
            assert_eq!(host_is_to_blame(open, well), to_blame, "{open} {well}");
        }
    }
}
