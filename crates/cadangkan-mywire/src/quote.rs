use std::fmt::Write as _;

/// Quotes a text as an SQL literal, safe whatever `sql_mode` is, on a connection whose texts are UTF-8.
///
/// A text with a backslash is written in hexadecimal, since `NO_BACKSLASH_ESCAPES` decides what a backslash means.
pub fn literal(text: &str) -> String {
    if !text.contains('\\') {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("_utf8mb4 0x");
    for byte in text.bytes() {
        // Writing to a string does not fail.
        let _ = write!(quoted, "{byte:02x}");
    }
    quoted
}

/// Quotes a name as an SQL identifier; it is always quoted.
pub fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hostile_texts() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"\'"), "_utf8mb4 0x5c27");
        assert_eq!(literal(""), "''");
        assert_eq!(identifier("od`d; --"), "`od``d; --`");
        assert_eq!(identifier("select"), "`select`");
    }
}
