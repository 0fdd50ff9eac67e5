//! Who comes first inside a tier: weighted rendezvous hashing (spec §4).
//!
//! For a subject `s` and a route `r` of weight `w`:
//!
//! ```text
//! h    = mix64(s ^ xxh3_64(route id))       uniform in 0 .. 2^64
//! cost = -log2(h / 2^64) / w                the smallest cost serves
//! ```
//!
//! `-log2` of a uniform number is exponentially distributed, and of independent
//! exponential clocks with rates `w` the one of route `r` rings first with
//! probability `w_r / Σw`. Each cost depends on its own route only, so that adding a
//! route moves subjects to it alone, removing one moves its own subjects alone, and
//! changing a weight moves only the difference. The order of the further costs is a
//! weighted draw without replacement, which is the order for failover.
//!
//! All of it is integer arithmetic: replicas on different platforms must agree to
//! the last bit, and `f64::ln` promises no such thing. What is here must not
//! change between releases: it would move every conversation that has no binding.

use xxhash_rust::xxh3::xxh3_64;

/// Stable hash of an id.
pub(crate) fn text_hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// The finalizer of splitmix64 (Stafford's variant 13): a bijection in which each
/// input bit moves about half of the output bits.
pub(crate) const fn mix64(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What it costs `subject` to use the route: the smallest serves. A drained route
/// (weight 0) costs more than any other.
pub fn cost(subject: u64, route_hash: u64, weight: u32) -> u64 {
    if weight == 0 {
        return u64::MAX;
    }
    // 46 bits and 17 more fill the word: the quotient keeps as much as there is room for.
    (negative_log2(mix64(subject ^ route_hash)) << 17) / u64::from(weight)
}

/// Bits after the point in [`negative_log2`].
const FRACTION_BITS: u32 = 40;

/// `-log2(h / 2^64)` in units of 2^-40, at most 64 · 2^40. The mantissa is looked up
/// in 256 steps with a straight line between them: the error is below 3·10^-6, which
/// moves a share by less than that.
fn negative_log2(h: u64) -> u64 {
    let h = if h == 0 { 1 } else { h };
    let exponent = h.ilog2();
    let mantissa = h << h.leading_zeros();
    let step = (mantissa >> 55) as usize & 0xff;
    let rest = (mantissa >> 31) & 0xff_ffff;
    let (low, high) = (LOG2_STEPS[step], LOG2_STEPS[step + 1]);
    let log2 = (u64::from(exponent) << FRACTION_BITS) + low + (((high - low) * rest) >> 24);
    (64 << FRACTION_BITS) - log2
}

/// `log2(1 + i/256)` in units of 2^-40, computed by the compiler.
static LOG2_STEPS: [u64; 257] = {
    let mut steps = [0; 257];
    let mut i = 0;
    while i < 256 {
        steps[i] = log2_of_mantissa((256 + i as u64) << 55);
        i += 1;
    }
    steps[256] = 1 << FRACTION_BITS;
    steps
};

/// The fraction of the binary logarithm, bit by bit: squaring doubles the
/// logarithm, so that its next bit shows as an overflow past 2. `x` is 1.63 fixed point.
const fn log2_of_mantissa(mut x: u64) -> u64 {
    let mut fraction = 0;
    let mut bit = FRACTION_BITS;
    while bit > 0 {
        bit -= 1;
        let square = (x as u128 * x as u128) >> 63;
        if square >> 64 == 0 {
            x = square as u64;
        } else {
            x = (square >> 1) as u64;
            fraction |= 1 << bit;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_right_to_three_in_a_million() {
        for i in 0..200_000u64 {
            let h = mix64(i).max(1) >> (i % 60);
            let h = h.max(1);
            let exact = 64.0 - (h as f64).log2();
            let ours = negative_log2(h) as f64 / (1u64 << FRACTION_BITS) as f64;
            assert!((exact - ours).abs() < 3e-6, "{h}: {exact} {ours}");
        }
    }

    #[test]
    fn the_logarithm_falls_as_the_hash_rises() {
        let hashes = [0, 1, 2, 3, 255, 256, 1 << 31, (1 << 55) - 1, 1 << 55, 1 << 63, u64::MAX - (1 << 31), u64::MAX];
        let logs: Vec<u64> = hashes.iter().map(|h| negative_log2(*h)).collect();
        assert!(logs.is_sorted_by(|a, b| a >= b), "{logs:?}");
        assert_eq!(logs[0], 64 << FRACTION_BITS);
    }

    #[test]
    fn costs_are_the_same_for_ever() {
        // Frozen: a change here would move every conversation without a binding.
        assert_eq!(mix64(1), 0x5692_161d_100b_05e5);
        assert_eq!(text_hash("gpt-tokyo"), 6_996_555_613_786_559_527);
        assert_eq!(text_hash("gpt-osaka"), 5_938_119_922_887_694_211);
        assert_eq!(cost(42, text_hash("gpt-tokyo"), 100), 157_919_957_273_804);
        assert_eq!(cost(42, text_hash("gpt-osaka"), 1), 165_387_811_564_683_264);
        assert_eq!(cost(42, text_hash("gpt-osaka"), 0), u64::MAX);
    }

    #[test]
    fn the_heaviest_weight_still_tells_routes_apart() {
        let costs: std::collections::BTreeSet<u64> = (0..1000).map(|route| cost(7, mix64(route), u32::MAX)).collect();
        assert!(costs.len() > 995);
    }
}
