//! What a user may do, as the server lists it.

use cadangkan_core::{Control, Result};
use cadangkan_mywire::Connection;

/// The privileges of a user on all databases, and on some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    /// Where, and what, in capitals: `*` or a pattern of names.
    lines: Vec<(String, Vec<String>)>,
    /// Whether roles may give more than what is listed.
    has_roles: bool,
}

impl Grants {
    /// Asks for the grants of the user that is connected.
    pub(crate) fn of(connection: &mut Connection, control: &Control<'_>) -> Result<Grants> {
        let rows = connection.query("SHOW GRANTS", control)?;
        let lines = rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
        Ok(Grants::read(lines))
    }

    fn read(lines: impl Iterator<Item = String>) -> Grants {
        let mut grants = Grants::default();
        for line in lines {
            let Some(rest) = line.strip_prefix("GRANT ") else { continue };
            let on = rest.find(" ON ").filter(|on| rest.find(" TO ").is_none_or(|to| *on < to));
            let Some((privileges, rest)) = on.and_then(|on| rest.split_at_checked(on)) else {
                grants.has_roles = true;
                continue;
            };
            let rest = rest.get(4..).unwrap_or_default();
            let place = if rest.starts_with("*.*") {
                "*".to_owned()
            } else {
                let Some(end) = rest.find("`.*") else { continue };
                rest.get(..end).unwrap_or_default().trim_start_matches('`').replace("``", "`")
            };
            let words = privileges.split(',').map(|word| word.trim().to_ascii_uppercase()).collect();
            grants.lines.push((place, words));
        }
        grants
    }

    /// Which of some privileges the user lacks in a database; none when that cannot be told.
    pub(crate) fn missing<'a>(&self, database: &str, needed: &[&'a str]) -> Vec<&'a str> {
        if self.has_roles || self.lines.is_empty() {
            return Vec::new();
        }
        let here: Vec<_> =
            self.lines.iter().filter(|(place, _)| place == "*" || like(place, database)).collect();
        let has = |privilege: &str| {
            here.iter().any(|(_, words)| {
                words.iter().any(|word| word == privilege || word == "ALL PRIVILEGES" || word == "ALL")
            })
        };
        needed.iter().copied().filter(|privilege| !has(privilege)).collect()
    }
}

/// Matches as LIKE does: `%` any run, `_` one character, a backslash before either is itself.
fn like(pattern: &str, text: &str) -> bool {
    let mut pattern_left = pattern.chars();
    let Some(first) = pattern_left.next() else { return text.is_empty() };
    let mut text_left = text.chars();
    match first {
        '%' => {
            let rest = pattern_left.as_str();
            like(rest, text) || text_left.next().is_some() && like(pattern, text_left.as_str())
        }
        '_' => text_left.next().is_some() && like(pattern_left.as_str(), text_left.as_str()),
        '\\' if matches!(pattern_left.clone().next(), Some('%' | '_' | '\\')) => {
            pattern_left.next() == text_left.next() && like(pattern_left.as_str(), text_left.as_str())
        }
        _ => text_left.next() == Some(first) && like(pattern_left.as_str(), text_left.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(lines: &[&str]) -> Grants {
        Grants::read(lines.iter().map(|line| (*line).to_owned()))
    }

    #[test]
    fn lines_of_servers_are_read() {
        let some = grants(&[
            "GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*X ON Y'",
            "GRANT SELECT, INSERT, CREATE ON `sh\\_op%`.* TO `a`@`%`",
            "GRANT SELECT (`a`) ON `x`.`y` TO `a`@`%`",
        ]);
        assert_eq!(some.missing("sh_op2", &["CREATE", "DROP"]), ["DROP"]);
        assert_eq!(some.missing("shXop", &["CREATE"]), ["CREATE"]);
        let all = grants(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"]);
        assert!(all.missing("x", &["CREATE", "DROP"]).is_empty());
        assert!(
            grants(&["GRANT `role` TO `a`@`%`", "GRANT USAGE ON *.* TO `a`@`%`"])
                .missing("x", &["DROP"])
                .is_empty()
        );
    }
}
