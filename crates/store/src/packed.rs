//! Fleets and diffs at rest: zstd frames (RFC 8878), a fleet mostly as what it
//! changes of an earlier one.
//!
//! A fleet of ten thousand routes is megabytes of JSON and is published whole.
//! Written as text it costs the disk, and whoever waits for the disk, far more
//! than the change itself: the earlier text as the frame's prefix leaves some
//! kilobytes (`zstd --patch-from` does the same).

use std::io::{self, Read as _, Write as _};

use zstd::zstd_safe::{MAGICNUMBER, get_frame_content_size};

/// Fast before small: what is won is won by the prefix.
const LEVEL: i32 = 3;

/// 128 MiB, the largest window that a decoder takes without being told to.
const LARGEST_WINDOW: u32 = 27;

/// Bytes that are set aside for a text because its frame says that it is so long: fleets of 200,000 routes.
const MOST_AT_ONCE: usize = 64 * 1024 * 1024;

/// What a frame begins with, and no JSON does.
const MAGIC: [u8; 4] = MAGICNUMBER.to_le_bytes();

/// Packs a text, as changes to `prefix` when that is given.
pub(crate) fn pack(text: &[u8], prefix: Option<&[u8]>) -> io::Result<Vec<u8>> {
    let prefix = prefix.unwrap_or_default();
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), LEVEL, prefix)?;
    encoder.set_pledged_src_size(Some(text.len() as u64))?;
    // So that a frame read with another prefix is an error and not another fleet.
    encoder.include_checksum(true)?;
    if !prefix.is_empty() {
        // The window has to reach back over all of both, and short of that the
        // matcher's tables: long-distance matching is what finds the far ones.
        encoder.window_log(window_log(text.len() + prefix.len()))?;
        encoder.long_distance_matching(true)?;
    }
    encoder.write_all(text)?;
    encoder.finish()
}

/// The text of a frame, which must be given the prefix it was packed with. A
/// text that was never packed, from before there was packing, is given back.
pub(crate) fn unpack(packed: Vec<u8>, prefix: Option<&[u8]>) -> io::Result<Vec<u8>> {
    if !packed.starts_with(&MAGIC) {
        return Ok(packed);
    }
    // A frame tells how long its text is; a torn one may tell anything.
    let told = get_frame_content_size(&packed).ok().flatten().and_then(|told| usize::try_from(told).ok());
    let mut text = Vec::with_capacity(told.unwrap_or_default().min(MOST_AT_ONCE));
    zstd::stream::read::Decoder::with_ref_prefix(&packed[..], prefix.unwrap_or_default())?.read_to_end(&mut text)?;
    Ok(text)
}

fn window_log(bytes: usize) -> u32 {
    (usize::BITS - bytes.leading_zeros()).clamp(10, LARGEST_WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize, weight: impl Fn(usize) -> usize) -> Vec<u8> {
        let line =
            |n| format!("{{\"route_id\":\"route-{n}\",\"shadow\":\"{:x}\",\"weight\":{}}}\n", n * 7919, weight(n));
        (0..count).map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn a_text_comes_back_alone_and_as_changes() {
        let (before, after) = (lines(20_000, |_| 1), lines(20_100, |n| n % 2));
        for prefix in [None, Some(&before[..])] {
            let packed = pack(&after, prefix).expect("packs");
            assert!(unpack(packed, prefix).expect("unpacks") == after);
        }
        assert_eq!(unpack(pack(b"", None).expect("packs"), None).expect("unpacks"), b"");
    }

    #[test]
    fn a_small_change_of_a_large_text_is_small() {
        let (before, after) = (lines(50_000, |_| 1), lines(50_000, |n| if n % 1_000 == 0 { 2 } else { 1 }));
        let (alone, changes) = (pack(&after, None).expect("packs"), pack(&after, Some(&before)).expect("packs"));
        assert!(changes.len() * 50 < alone.len(), "{} of {}", changes.len(), alone.len());
    }

    #[test]
    fn a_text_from_before_packing_is_given_back() {
        for text in [r#"{"hosts":[]}"#, "[]", "null", ""] {
            assert_eq!(unpack(text.as_bytes().to_vec(), None).expect("reads"), text.as_bytes());
        }
    }

    #[test]
    fn a_wrong_prefix_or_a_torn_frame_is_an_error() {
        let (before, after) = (lines(2_000, |_| 1), lines(2_000, |n| n % 2));
        let packed = pack(&after, Some(&before)).expect("packs");
        let torn = packed[..packed.len() / 2].to_vec();
        assert!(unpack(torn, Some(&before)).is_err());
        assert!(unpack(packed, Some(&lines(2_000, |_| 3))).is_err());
    }
}
