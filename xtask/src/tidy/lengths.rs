//! Files and functions that ask to be split.

use super::Finding;
use super::source::{Source, item_end};

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 100;
const WHY: &str = "small files and functions are found and read at once; split it";

pub(super) fn check_file(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let code = [".rs", ".py", ".sh", ".sql"].iter().any(|ending| path.ends_with(ending));
    let lines = text.lines().count();
    if code && lines > FILE_LINES && !super::text::is_fixture(path) {
        findings.push(Finding::new(path, lines, format!("{lines} lines, at most {FILE_LINES}"), WHY));
    }
}

pub(super) fn check_functions(source: &Source, findings: &mut Vec<Finding>) {
    for (offset, _) in source.code.match_indices("fn ") {
        let (before, rest) = source.code.split_at(offset);
        let line = before.matches('\n').count() + 1;
        let is_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let lines = rest.get(..item_end(rest)).unwrap_or(rest).lines().count();
        if !is_word && lines > FUNCTION_LINES && !source.is_test(line) {
            let what = format!("a function of {lines} lines, at most {FUNCTION_LINES}");
            findings.push(Finding::new(&source.path, line, what, WHY));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(text: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        check_functions(&Source::new("crates/x/src/a.rs", text), &mut findings);
        findings
    }

    #[test]
    fn a_long_function_is_found_at_its_first_line() {
        let long =
            format!("// top\nfn long(a: [u8; 2]) {{\n{}}}\nfn short() {{}}\n", "    // \"}\"\n".repeat(99));
        let findings = functions(&long);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings.first().map(|finding| finding.line), Some(2));
        assert!(functions(&long.replacen("    // \"}\"\n", "", 1)).is_empty());
    }

    #[test]
    fn tests_and_declarations_may_be_long() {
        let body = "    x();\n".repeat(200);
        assert!(functions(&format!("#[cfg(test)]\nmod tests {{\nfn long() {{\n{body}}}\n}}\n")).is_empty());
        assert!(
            functions(&format!("trait T {{\n fn declared();\n fn other() -> u8;\n}}\n{body}")).is_empty()
        );
    }

    #[test]
    fn a_long_file_is_found_when_it_is_code() {
        let mut findings = Vec::new();
        check_file("docs/long.md", &"x\n".repeat(700), &mut findings);
        check_file("a.rs", &"x\n".repeat(600), &mut findings);
        assert!(findings.is_empty());
        check_file("a.rs", &"x\n".repeat(601), &mut findings);
        assert_eq!(findings.len(), 1);
    }
}
