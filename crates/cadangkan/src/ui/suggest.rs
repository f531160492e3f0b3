//! "Did you mean …?"

/// Finds the known word that a mistyped one most likely means: as many as a third of its letters may be wrong,
/// left out, too many or swapped.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = word.to_lowercase();
    let length = wanted.chars().count();
    // A long text is no mistyped word, and measuring it takes quadratic time.
    if length == 0 || length > 100 {
        return None;
    }
    let close = known.into_iter().filter_map(|candidate| {
        let lower = candidate.to_lowercase();
        let begins = length >= 3 && lower.starts_with(&wanted);
        let distance = if begins { 0 } else { strsim::damerau_levenshtein(&wanted, &lower) };
        let allowed = (length.max(lower.chars().count()) / 3).max(1);
        // A word of one letter is not near to another one.
        (distance <= allowed && distance < length).then_some((distance, candidate))
    });
    close.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["storage", "compression", "level", "production", "tags"];
        let cases = [
            ("storages", Some("storage")),
            ("stroage", Some("storage")),
            ("Level", Some("level")),
            ("prod", Some("production")),
            ("compresion", Some("compression")),
            ("tgas", Some("tags")),
            ("x", None),
            ("", None),
            ("retention", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest(&"a".repeat(100_000), known), None);
        assert_eq!(nearest("shop", []), None);
    }
}
