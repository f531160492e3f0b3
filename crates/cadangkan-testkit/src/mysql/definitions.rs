//! Definitions of a database as text that can be compared.

use super::TestDatabase;

impl TestDatabase {
    /// Returns the definitions of everything in it, as the server writes them: the database's character set, tables,
    /// sequences, views, triggers in their order, routines, packages and events, each with the settings it was made
    /// with. The name of the database is left out, the next value of `AUTO_INCREMENT` is not.
    ///
    /// # Panics
    /// When the server cannot show one.
    pub fn definitions(&self) -> String {
        let shows = self.run(SHOWS);
        let shows: Vec<String> = shows.lines().map(unescape).collect();
        let mut text = self.run(DATABASE);
        // One client for all; each statement gives one row.
        let shown = self.run(&shows.join(";\n"));
        let shown: Vec<&str> = shown.lines().collect();
        assert_eq!(shows.len(), shown.len(), "a definition is missing, or one too many, of {shows:?}");
        for (show, shown) in shows.iter().zip(shown) {
            let mut columns: Vec<String> = shown.split('\t').map(unescape).collect();
            if show.starts_with("SHOW CREATE TRIGGER") {
                // When it was made.
                columns.truncate(6);
            }
            text += &format!("-- {show}\n{}\n", columns.join("\n"));
        }
        text.replace(&format!("`{}`.", self.name), "").replace(&self.name, "DATABASE")
    }
}

/// Takes the client's `\n`, `\t`, `\0` and `\\` for what they stand for.
pub(super) fn unescape(printed: &str) -> String {
    let mut text = String::new();
    let mut characters = printed.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                other => text.extend(other),
            },
            (plain, false) => text.push(plain),
        }
    }
    text
}

const DATABASE: &str = "SELECT default_character_set_name, default_collation_name
FROM information_schema.schemata WHERE schema_name = DATABASE()";

/// The statements that show one definition each, in a fixed order.
const SHOWS: &str = "SELECT CONCAT('SHOW CREATE ',
  CASE table_type WHEN 'VIEW' THEN 'VIEW' WHEN 'SEQUENCE' THEN 'SEQUENCE' ELSE 'TABLE' END,
  ' `', REPLACE(table_name, '`', '``'), '`')
FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_type, HEX(table_name);
SELECT CONCAT('SHOW CREATE TRIGGER `', REPLACE(trigger_name, '`', '``'), '`')
FROM information_schema.triggers WHERE trigger_schema = DATABASE()
ORDER BY HEX(event_object_table), action_timing, event_manipulation, action_order;
SELECT CONCAT('SHOW CREATE ', routine_type, ' `', REPLACE(routine_name, '`', '``'), '`')
FROM information_schema.routines WHERE routine_schema = DATABASE() ORDER BY routine_type, HEX(routine_name);
SELECT CONCAT('SHOW CREATE EVENT `', REPLACE(event_name, '`', '``'), '`')
FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY HEX(event_name);";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_escapes_is_read_back() {
        assert_eq!(unescape(r"a\tb\nc\\n\0ü"), "a\tb\nc\\n\0ü");
    }
}
