//! Lints that are switched off need a reason, and `unsafe` its one place.

use super::Finding;
use super::source::{Source, words};

/// The modules that may hold `unsafe`, and why there is no other way.
const UNSAFE_PLACES: &[(&str, &str)] = &[
    ("crates/cadangkan-engine-sqlite/src/ffi.rs", "the file handle of SQLite has no safe interface"),
    ("crates/cadangkan/src/environment.rs", "a variable cannot be taken out of the environment otherwise"),
    ("crates/cadangkan-wire/src/gather.rs", "no safe library in use sets SO_RCVLOWAT"),
];

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    check_reasons(source, findings);
    if UNSAFE_PLACES.iter().any(|(path, _)| *path == source.path) {
        return;
    }
    for (index, line) in source.code.lines().enumerate() {
        if words(line).any(|word| word == "unsafe") {
            let why = "`unsafe` stands only in the modules that tidy lists with a reason";
            findings.push(Finding::new(&source.path, index + 1, "`unsafe`", why));
        }
    }
}

fn check_reasons(source: &Source, findings: &mut Vec<Finding>) {
    for attribute in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
        for (offset, _) in source.code.match_indices(attribute) {
            let (before, rest) = source.code.split_at(offset);
            let line = before.matches('\n').count() + 1;
            let inside = rest.split(']').next().unwrap_or(rest);
            if !source.is_test(line) && !words(inside).any(|word| word == "reason") {
                let why = "who switches a lint off says why";
                findings.push(Finding::new(
                    &source.path,
                    line,
                    "a lint is switched off without a reason",
                    why,
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let mut findings = Vec::new();
        check(&Source::new(path, text), &mut findings);
        findings.into_iter().map(|finding| (finding.line, finding.what)).collect()
    }

    #[test]
    fn unsafe_is_found_outside_its_places() {
        let text = "// unsafe\nlet a = unsafe { b() };\n";
        assert_eq!(found("crates/cadangkan-ops/src/a.rs", text), [(2, "`unsafe`".to_owned())]);
        assert!(found("crates/cadangkan-engine-sqlite/src/ffi.rs", text).is_empty());
        assert!(found("crates/cadangkan-ops/src/a.rs", "#![deny(unsafe_code)]\n").is_empty());
    }

    #[test]
    fn a_suppression_needs_a_reason_outside_tests() {
        let text = "#[allow(dead_code)]\nfn a() {}\n#[allow(dead_code, reason = \"later\")]\nfn b() {}\n";
        assert_eq!(found("crates/cadangkan-ops/src/a.rs", text).len(), 1);
        assert!(found("crates/cadangkan-ops/tests/it/a.rs", text).is_empty());
    }
}
