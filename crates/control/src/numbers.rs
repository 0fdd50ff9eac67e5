//! Numbers as people read them, the same in texts and on pages.

/// Three digits, rounded; noughts behind the point are left out.
pub fn three_digits(value: f64) -> String {
    let digits = match value.abs() {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Microseconds in the unit that reads best: `850 µs`, `1.48 ms`, `3.25 s`.
pub fn short_time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", three_digits(us as f64 / 1e3)),
        _ => format!("{} s", three_digits(us as f64 / 1e6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_and_never_nothing() {
        let told = [0, 850, 1_484, 45_678, 999_400, 3_250_000, 75_349_000].map(short_time);
        assert_eq!(told, ["0 µs", "850 µs", "1.48 ms", "45.7 ms", "999 ms", "3.25 s", "75.3 s"]);
    }
}
