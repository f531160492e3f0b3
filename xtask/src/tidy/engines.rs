//! Names of engines occur in their own crate, in the registry, in tests and in documentation only.

use super::Finding;
use super::source::{Source, words};

const NAMES: &[&str] = &["sqlite", "postgres", "mysql", "mariadb", "mongo"];
const WHY: &str = "only an engine's own crate and registry.rs know its name; use its descriptor";

/// Where a name of an engine means something else, and what.
const ALLOWED: &[(&str, &str)] = &[
    ("crates/cadangkan/src/registry.rs", "the list of engines"),
    ("crates/cadangkan/src/commands/demo", "the demo tells its story on one engine"),
    ("crates/cadangkan/src/config/sample", "the sample is an example"),
    ("crates/cadangkan-catalog/", "the catalog is kept in SQLite, whatever is backed up"),
    ("crates/cadangkan-pgwire/", "the protocol of one engine"),
    ("crates/cadangkan-mywire/", "the protocol of one engine"),
    ("crates/cadangkan-testkit/", "data to test engines with"),
    ("xtask/", "measures and checks engines by name"),
];

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let allowed = ALLOWED.iter().any(|(path, _)| source.path.starts_with(path));
    if allowed || source.crate_name().starts_with("cadangkan-engine-") {
        return;
    }
    for (index, line) in source.with_literals.lines().enumerate() {
        // The examples under a help text are documentation.
        if source.is_test(index + 1) || line.contains("after_help = ") {
            continue;
        }
        if let Some(word) = words(line).find(|word| names_engine(word)) {
            findings.push(Finding::new(&source.path, index + 1, format!("the engine name in `{word}`"), WHY));
        }
    }
}

/// Tells whether a word of code names an engine; `rusqlite` is a library, which `manifests` watches.
fn names_engine(word: &str) -> bool {
    let word = word.to_lowercase();
    word != "rusqlite" && NAMES.iter().any(|name| word.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let mut findings = Vec::new();
        check(&Source::new(path, text), &mut findings);
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn names_are_found_in_code_and_literals() {
        let text = "// sqlite\nfn a() {}\nlet b = \"postgres\";\nuse cadangkan_engine_sqlite::SQLITE;\nstruct MySqlDump;\n";
        assert_eq!(lines("crates/cadangkan-ops/src/a.rs", text), [3, 4, 5]);
    }

    #[test]
    fn their_own_places_may_name_them() {
        for path in
            ["crates/cadangkan-engine-sqlite/src/a.rs", "crates/cadangkan/src/registry.rs", "xtask/src/a.rs"]
        {
            assert!(lines(path, "let a = \"sqlite\";\n").is_empty(), "{path}");
        }
        assert!(lines("crates/cadangkan-ops/tests/it/a.rs", "let a = \"sqlite\";\n").is_empty());
        let help = "#[command(after_help = \"cadangkan add sqlite shop\")]\n";
        assert!(lines("crates/cadangkan/src/commands/add.rs", help).is_empty());
        assert!(lines("crates/cadangkan-ops/src/a.rs", "use rusqlite::Connection;\n").is_empty());
    }
}
