//! The rules a compiler does not know: one file per kind of rule, each finding with its place and reason.

mod engines;
mod lengths;
mod manifests;
mod source;
mod suppressions;
mod text;

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process;
use source::Source;

/// One broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
    why: &'static str,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>, why: &'static str) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), why }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} ({})", self.path, self.line, self.what, self.why)
    }
}

/// Checks the whole checkout, and returns what it finds in order of place.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = manifests::check(root)?;
    for path in files(root)? {
        let bytes = std::fs::read(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if text.contains('\0') {
            continue;
        }
        text::check(&path, &text, &mut findings);
        lengths::check_file(&path, &text, &mut findings);
        if path.ends_with(".rs") {
            let source = Source::new(&path, &text);
            engines::check(&source, &mut findings);
            lengths::check_functions(&source, &mut findings);
            suppressions::check(&source, &mut findings);
        }
    }
    findings.sort();
    Ok(findings)
}

/// Lists the files that git knows or would add, as paths from the root.
fn files(root: &Path) -> Result<Vec<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
    let listing = process::capture(Command::new("git").args(arguments).current_dir(root))?;
    let present = |path: &&str| !path.is_empty() && root.join(path).is_file();
    Ok(listing.split('\0').filter(present).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_checkout_is_tidy() {
        let findings = check(&crate::project::root().unwrap()).unwrap();
        let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(findings.is_empty(), "\n{}", lines.join("\n"));
    }

    #[test]
    fn a_finding_says_where_what_and_why() {
        let finding = Finding::new("a/b.rs", 7, "a tab", "spaces only");
        assert_eq!(finding.to_string(), "a/b.rs:7: a tab (spaces only)");
    }
}
