//! The database's own name in what the server writes: a definition is to work in a database of any name.

use std::collections::BTreeSet;

use crate::script::Tokens;

/// Takes the name of the database out of a definition that the server wrote, in front of the names of tables and
/// routines. Where a table, an alias or a column has the same name, only what cannot be one of those is taken out:
/// the names of routines.
pub(super) fn without(definition: &[u8], database: &str) -> Vec<u8> {
    let quoted = cadangkan_mywire::identifier(database);
    let tokens: Vec<_> = Tokens::new(definition).collect();
    let is_name = |at: usize| tokens.get(at).is_some_and(|token| token.text == quoted.as_bytes());
    let is = |at: usize, character: u8| tokens.get(at).is_some_and(|token| token.is_char(character));
    let is_after_dot = |at: usize| at > 0 && is(at - 1, b'.');
    let alone = (0..tokens.len()).any(|at| is_name(at) && (!is(at + 1, b'.') || is_after_dot(at)));
    let mut out = Vec::with_capacity(definition.len());
    let mut copied = 0;
    for (at, token) in tokens.iter().enumerate() {
        let is_qualifier = is_name(at) && is(at + 1, b'.') && !is_after_dot(at);
        if is_qualifier
            && (!alone || is(at + 3, b'('))
            && let Some(next) = tokens.get(at + 2)
        {
            out.extend_from_slice(definition.get(copied..token.begin).unwrap_or_default());
            copied = next.begin;
        }
    }
    out.extend_from_slice(definition.get(copied..).unwrap_or_default());
    out
}

/// Names in backticks that stand where a view names the tables that it reads, or in front of a bracket.
pub(super) fn names_read(definition: &[u8], database: &str) -> BTreeSet<String> {
    let definition = without(definition, database);
    let tokens: Vec<_> = Tokens::new(&definition).collect();
    let mut names = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate().skip(1) {
        let Some(before) = tokens.get(at - 1) else { continue };
        let begins = before.is("FROM") || before.is("JOIN") || before.is_char(b'(') || before.is_char(b',');
        let is_qualified = tokens.get(at + 1).is_some_and(|next| next.is_char(b'.'));
        let is_called = tokens.get(at + 1).is_some_and(|next| next.is_char(b'('));
        if token.is_quoted() && token.is_name() && (begins && !is_qualified || is_called) {
            names.insert(token.name());
        }
    }
    names
}

/// The same for names behind that of another database, both in lower case.
pub(super) fn names_read_elsewhere(definition: &[u8], database: &str) -> BTreeSet<(String, String)> {
    let definition = without(definition, database);
    let tokens: Vec<_> = Tokens::new(&definition).collect();
    let quoted = |at: usize| tokens.get(at).filter(|token| token.is_quoted() && token.is_name());
    let is_dot = |at: usize| tokens.get(at).is_some_and(|token| token.is_char(b'.'));
    let pairs = (0..tokens.len()).filter(|at| is_dot(at + 1));
    let names = pairs.filter_map(|at| Some((quoted(at)?, quoted(at + 2)?)));
    names.map(|(outer, name)| (outer.name().to_lowercase(), name.name().to_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> String {
        String::from_utf8(without(text.as_bytes(), "db")).unwrap()
    }

    #[test]
    fn the_own_name_is_taken_out() {
        assert_eq!(
            stripped("DEFAULT nextval(`db`.`s`) COMMENT '`db`.`x`'"),
            "DEFAULT nextval(`s`) COMMENT '`db`.`x`'"
        );
        assert_eq!(
            stripped("select `t`.`a` from `db`.`t` join `other`.`t`"),
            "select `t`.`a` from `t` join `other`.`t`"
        );
        assert_eq!(stripped("select `other`.`db`.`x`"), "select `other`.`db`.`x`");
    }

    #[test]
    fn a_table_of_the_same_name_is_left_alone() {
        let text = "select `db`.`a` AS `a`,`db`.`f`(1) from `db`";
        assert_eq!(stripped(text), "select `db`.`a` AS `a`,`f`(1) from `db`");
    }

    #[test]
    fn names_in_other_databases_are_found() {
        let text = "select `t`.`a` AS `a`,`Other`.`f`(1) from (`db`.`t` join `other`.`V`)";
        let names: Vec<_> = names_read_elsewhere(text.as_bytes(), "db").into_iter().collect();
        let pair = |outer: &str, name: &str| (outer.to_owned(), name.to_owned());
        assert_eq!(names, [pair("other", "f"), pair("other", "v"), pair("t", "a")]);
    }

    #[test]
    fn names_that_a_view_reads_are_found() {
        let text = "select `m`.`x` AS `x`,`f`(`m`.`y`) AS `z` from (`db`.`m` join `n` `k` on(`m`.`a` = `k`.`b`)) where `m`.`x` in (select `o`.`p` from `o`)";
        let names: Vec<_> = names_read(text.as_bytes(), "db").into_iter().collect();
        assert_eq!(names, ["f", "m", "n", "o"]);
    }
}
