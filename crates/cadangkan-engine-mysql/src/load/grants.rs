//! What a user may do, as the server lists it.

use cadangkan_core::{Control, Result};
use cadangkan_mywire::Connection;

use crate::script::like;

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
            let words = privileges.split(',').map(|word| word.trim().to_ascii_uppercase());
            let passed_on = rest.ends_with("WITH GRANT OPTION").then(|| "GRANT OPTION".to_owned());
            grants.lines.push((place, words.chain(passed_on).collect()));
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
                let has_all = privilege != "GRANT OPTION"
                    && words.iter().any(|word| word == "ALL PRIVILEGES" || word == "ALL");
                has_all || words.iter().any(|word| word == privilege)
            })
        };
        needed.iter().copied().filter(|privilege| !has(privilege)).collect()
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
        assert!(all.missing("x", &["CREATE", "DROP", "GRANT OPTION"]).is_empty());
        let own = grants(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost`"]);
        assert_eq!(own.missing("x", &["DROP", "GRANT OPTION"]), ["GRANT OPTION"]);
        assert!(
            grants(&["GRANT `role` TO `a`@`%`", "GRANT USAGE ON *.* TO `a`@`%`"])
                .missing("x", &["DROP"])
                .is_empty()
        );
    }
}
