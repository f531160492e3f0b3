//! Settles what kind an entry is where its comment can be read in more than one way.

use super::entry::Entry;
use super::header::Header;
use super::statement::Statement;

/// Takes that reading of an entry's comment which its first statement bears out.
///
/// A schema or a role may be called `x; Type: ACL; Schema: -`, and a table of it must not pass as privileges.
pub(crate) fn settle(entry: &mut Entry) {
    let Some(first) = entry.statements.first() else { return };
    let statement = Statement::read(first);
    let line = entry.header.line();
    if let Some(header) = Header::readings(&line).find(|header| fits(&header.kind, &statement)) {
        entry.header = header;
    }
}

/// Kinds whose statements begin with a word that no other kind has.
const OWN_VERBS: [(&str, &[&str]); 9] = [
    ("ACL", &["GRANT", "REVOKE", "SET SESSION AUTHORIZATION"]),
    ("DEFAULT ACL", &["ALTER DEFAULT PRIVILEGES"]),
    ("ACL LARGE OBJECTS", &["GRANT", "REVOKE", "SET SESSION AUTHORIZATION"]),
    ("COMMENT", &["COMMENT ON"]),
    ("COMMENTS", &["COMMENT ON"]),
    ("SECURITY LABEL", &["SECURITY LABEL"]),
    ("SECURITY LABELS", &["SECURITY LABEL"]),
    ("MATERIALIZED VIEW DATA", &["REFRESH MATERIALIZED VIEW"]),
    ("SEQUENCE SET", &["SELECT"]),
];

fn fits(kind: &str, statement: &Statement<'_>) -> bool {
    let begins_with = |verbs: &[&str]| statement.cursor().take_any(verbs).is_some();
    match OWN_VERBS.iter().find(|(own, _)| *own == kind) {
        Some((_, verbs)) => begins_with(verbs),
        None if begins_with(&["CREATE"]) => {
            // `CREATE UNIQUE INDEX` for INDEX, `CREATE FOREIGN DATA WRAPPER` for FOREIGN DATA WRAPPER.
            let last = kind.rsplit(' ').next().unwrap_or_default();
            (1..6).any(|index| statement.is_word_at(index, last)) || kind == "RULE"
        }
        None => !OWN_VERBS.iter().any(|(own, verbs)| !matches!(*own, "SEQUENCE SET") && begins_with(verbs)),
    }
}
