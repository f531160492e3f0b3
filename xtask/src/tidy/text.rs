//! Rules for every text file: white space, marks of unfinished work, names of machines.

use super::Finding;

/// Marks of work left undone; they belong in the tracker, with somebody's name.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: &[&str] = &["/root/"];

/// Beginnings of people's paths; tests may invent a person.
const HOME_PATHS: &[&str] = &["/home/", "/Users/"];

/// Hosts that may be named: sources of rules, places for readers, services that credentials come from, and those that notifications go to. Where packages come from is a machine's own
/// configuration, so no other host belongs here.
const HOSTS: &[&str] = &[
    "127.0.0.1",
    "169.254.169.254",
    "account",
    "acme",
    "adaptivecards.io",
    "api.telegram.org",
    "backups",
    "bucket",
    "core.telegram.org",
    "developer.pagerduty.com",
    "discord.com",
    "docs.ntfy.sh",
    "docs.slack.dev",
    "elsewhere",
    "events.eu.pagerduty.com",
    "events.pagerduty.com",
    "hc-ping.com",
    "healthchecks.io",
    "hooks.slack.com",
    "host",
    "jinja.palletsprojects.com",
    "learn.microsoft.com",
    "localhost",
    "login.microsoftonline.com",
    "no-color.org",
    "ntfy.sh",
    "oauth2.googleapis.com",
    "opentelemetry.io",
    "semver.org",
    "nagios-plugins.org",
    "prometheus.io",
    "sqlite.org",
    "storage.azure.com",
    "storage.googleapis.com",
    "trojansource.codes",
    "www.apple.com",
    "www.googleapis.com",
    "www.rust-lang.org",
    "www.w3.org",
];

/// Holds the lists above, and bad samples.
const OWN_FILE: &str = "xtask/src/tidy/text.rs";

pub(super) fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let exact = path.ends_with(".snap")
        || path.starts_with("golden/")
        || path.ends_with(".proptest-regressions")
        || is_fixture(path);
    let generated = path.ends_with("Cargo.lock") || path == "LICENSE";
    let is_test = super::source::is_test_path(path);
    for (index, line) in text.split_terminator('\n').enumerate() {
        let mut found = |what: String, why| findings.push(Finding::new(path, index + 1, what, why));
        if !exact && line.ends_with([' ', '\t', '\r']) {
            found("white space at the end of the line".to_owned(), "it is noise in every diff");
        }
        if !exact && line.contains('\t') {
            found("a tab".to_owned(), "spaces only");
        }
        if generated || path == OWN_FILE {
            continue;
        }
        if let Some(mark) = MARKS.iter().find(|mark| has_word(line, mark)) {
            found((*mark).to_owned(), "unfinished work belongs in the tracker");
        }
        let paths = MACHINE_PATHS.iter().chain(if is_test { &[] } else { HOME_PATHS });
        if let Some(start) = paths.into_iter().find(|start| has_path(line, start)) {
            found(format!("a path under {start}"), "the project runs on any machine");
        }
        if let Some(host) = hosts(line).find(|host| !host.is_empty() && !HOSTS.contains(host)) {
            found(format!("the host {host}"), "add it to the hosts that may be named, if readers need it");
        }
    }
    if !exact && !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        let what = "the file does not end with exactly one line break";
        findings.push(Finding::new(path, text.lines().count(), what, "tools join and append files by line"));
    }
}

/// Tells whether a file is what some other program wrote, for tests to read.
pub(super) fn is_fixture(path: &str) -> bool {
    path.contains("/fixtures/")
}

/// The hosts of the URLs in a line, without the user before them.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split("://").skip(1).map(|rest| {
        let authority = rest.split(['/', ' ', '"', '`', '?']).next().unwrap_or_default();
        let rest = authority.rsplit_once('@').map_or(rest, |(_, host)| host);
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".-".contains(c))).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    })
}

fn has_word(line: &str, word: &str) -> bool {
    super::source::words(line).any(|found| found == word)
}

/// Tells whether a path of a machine begins in the line, not one inside a longer path such as `~/root/`.
fn has_path(line: &str, start: &str) -> bool {
    let begins = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || "._-~}/".contains(c));
    line.match_indices(start).any(|(offset, _)| line.get(..offset).is_some_and(begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let mut findings = Vec::new();
        check(path, text, &mut findings);
        findings.into_iter().map(|finding| (finding.line, finding.what)).collect()
    }

    #[test]
    fn each_rule_finds_its_bad_sample() {
        let samples = [
            ("a \n", "white space"),
            ("a\r\n", "white space"),
            ("\ta\n", "a tab"),
            ("// TODO: later\n", "TODO"),
            ("cd /root/x\n", "/root/"),
            ("\"/home/ada\"\n", "/home/"),
            ("see https://example.org/x\n", "example.org"),
            ("no line break", "line break"),
            ("one too many\n\n", "line break"),
        ];
        for (text, what) in samples {
            let findings = found("docs/a.md", text);
            assert_eq!(findings.len(), 1, "{text:?}: {findings:?}");
            assert!(findings.iter().all(|(line, found)| *line == 1 || found.contains(what)), "{findings:?}");
        }
    }

    #[test]
    fn good_text_is_left_alone() {
        for text in [
            "",
            "fine\n",
            "~/root/shop.db\n",
            "the TODOS table\n",
            "https://sqlite.org/wal.html\n",
            "$HOME/home/x\n",
        ] {
            assert!(found("docs/a.md", text).is_empty(), "{text:?}");
        }
        assert!(found("a.snap", "exact \n").is_empty());
        assert!(found("crates/x/src/tests.rs", "\"/home/ada\"\n").is_empty());
    }
}
