/// Quotes a text as an SQL literal, safe whatever `standard_conforming_strings` is.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') {
        // The space keeps the E apart from a keyword before it, as libpq's PQescapeLiteral does.
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// Quotes a name as an SQL identifier; it is always quoted.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hostile_texts() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'; DROP"), r" E'a\\''; DROP'");
        assert_eq!(literal(""), "''");
        assert_eq!(identifier(r#"od"d; --"#), r#""od""d; --""#);
        assert_eq!(identifier("select"), r#""select""#);
    }
}
