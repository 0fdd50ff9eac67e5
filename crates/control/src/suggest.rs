//! "Did you mean …": the nearest of the words that would have been right.

/// The candidate that is most like `word`, when one is near enough for a typing mistake.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.trim().to_lowercase();
    let allowed = (folded.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (distance(&folded, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words; a word that only lacks a part of the other
/// (`host_id` for `shadow_host_id`) counts as one edit.
fn distance(folded: &str, candidate: &str) -> usize {
    let candidate = candidate.to_lowercase();
    let part = folded.len() >= 4 && (candidate.ends_with(folded) || candidate.starts_with(folded));
    if part { 1 } else { strsim::osa_distance(folded, &candidate) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_word_and_a_stranger_finds_none() {
        let fields = ["base_url", "gateway_key", "shadow_host_id"];
        assert_eq!(nearest("base_ulr", fields), Some("base_url"));
        assert_eq!(nearest("Gateway-Key", fields), Some("gateway_key"));
        assert_eq!(nearest("host_id", fields), Some("shadow_host_id"));
        assert_eq!(nearest("colour", fields), None);
    }
}
