use cadangkan_core::{Pattern, Selection};

/// Says in words which objects are meant; `None`: all of them.
pub(crate) fn describe(selection: &Selection) -> Option<String> {
    let lists = [
        ("only tables", &selection.tables),
        ("only schemas", &selection.schemas),
        ("without tables", &selection.exclude_tables),
        ("without schemas", &selection.exclude_schemas),
        ("without rows of", &selection.exclude_data),
    ];
    let lists = lists.into_iter().filter(|(_, patterns)| !patterns.is_empty());
    let mut parts: Vec<_> = lists.map(|(what, patterns)| format!("{what} {}", names(patterns))).collect();
    let halves = [(selection.schema_only, "definitions only"), (selection.data_only, "rows only")];
    parts.extend(halves.into_iter().filter(|(only, _)| *only).map(|(_, word)| word.to_owned()));
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn names(patterns: &[Pattern]) -> String {
    patterns.iter().map(|pattern| pattern.0.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_needs_no_words() {
        assert_eq!(describe(&Selection::default()), None);
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern((*text).to_owned())).collect();
        let selection = Selection {
            tables: patterns(&["a", "b*"]),
            exclude_data: patterns(&["log"]),
            schema_only: true,
            ..Selection::default()
        };
        assert_eq!(describe(&selection).unwrap(), "only tables a, b*; without rows of log; definitions only");
    }
}
