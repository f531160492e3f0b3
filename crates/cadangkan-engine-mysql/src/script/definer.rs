//! Whose rights an object runs with.

use std::ops::Range;

use super::{Account, Token, Tokens};

/// Finds the account that a `CREATE` names as definer, as `user@host`; `None` when it names none, or whoever runs it.
pub(crate) fn definer(text: &[u8]) -> Option<String> {
    let (range, name) = find(text)?;
    let _ = range;
    name
}

/// Takes the `DEFINER = …` out of a `CREATE`: the object then is of whoever runs it.
pub(crate) fn without_definer(text: &[u8]) -> Vec<u8> {
    match find(text) {
        None => text.to_vec(),
        Some((range, _)) => {
            let mut kept = text.get(..range.start).unwrap_or_default().to_vec();
            kept.extend_from_slice(text.get(range.end..).unwrap_or_default());
            kept
        }
    }
}

/// Puts another account in the place of the one that a `CREATE` names.
pub(crate) fn with_definer(text: &[u8], account: &Account) -> Vec<u8> {
    let Some((range, _)) = find(text) else { return text.to_vec() };
    let before = text.get(..range.start).unwrap_or_default();
    let definer = format!("DEFINER={}", account.quoted());
    [before, definer.as_bytes(), text.get(range.end..).unwrap_or_default()].concat()
}

/// Looks between `CREATE` and the word of what is created.
fn find(text: &[u8]) -> Option<(Range<usize>, Option<String>)> {
    let mut tokens = Tokens::new(text);
    if !tokens.accept("CREATE") {
        return None;
    }
    for _ in 0..12 {
        let token = tokens.next()?;
        if ["VIEW", "TRIGGER", "FUNCTION", "PROCEDURE", "EVENT", "PACKAGE", "TABLE"]
            .iter()
            .any(|word| token.is(word))
        {
            return None;
        }
        if !token.is("DEFINER") {
            continue;
        }
        tokens.accept("=");
        let user = tokens.next()?;
        let mut end = user.end;
        if user.is("CURRENT_USER") {
            if tokens.accept("(") && tokens.accept(")") {
                end = tokens.at();
            }
            return Some((token.begin..end, None));
        }
        let mut ahead = tokens.clone();
        let host = if ahead.accept("@") { ahead.next() } else { None };
        if let Some(host) = &host {
            end = host.end;
        }
        let host = host.as_ref().map_or_else(String::new, |host: &Token<'_>| format!("@{}", host.name()));
        return Some((token.begin..end, Some(format!("{}{host}", user.name()))));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definers_are_found_and_dropped() {
        let cases = [
            ("CREATE DEFINER=`ro``ot`@`%` TRIGGER t", Some("ro`ot@%"), "CREATE  TRIGGER t"),
            (
                "/*!50003 CREATE*/ /*!50017 DEFINER='a'@'b'*/ /*!50003 TRIGGER t*/",
                Some("a@b"),
                "/*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER t*/",
            ),
            (
                "CREATE ALGORITHM=UNDEFINED DEFINER=a@b SQL SECURITY DEFINER VIEW v",
                Some("a@b"),
                "CREATE ALGORITHM=UNDEFINED  SQL SECURITY DEFINER VIEW v",
            ),
            ("CREATE DEFINER=CURRENT_USER() EVENT e", None, "CREATE  EVENT e"),
            ("CREATE DEFINER = role FUNCTION f()", Some("role"), "CREATE  FUNCTION f()"),
            ("CREATE VIEW v AS SELECT 1 AS DEFINER", None, "CREATE VIEW v AS SELECT 1 AS DEFINER"),
            ("DROP TABLE definer", None, "DROP TABLE definer"),
        ];
        for (text, name, rest) in cases {
            assert_eq!(definer(text.as_bytes()).as_deref(), name, "{text}");
            assert_eq!(String::from_utf8(without_definer(text.as_bytes())).unwrap(), rest);
            let account = Account { user: "n`w".to_owned(), host: Some("%".to_owned()) };
            let replaced = with_definer(text.as_bytes(), &account);
            let names = find(text.as_bytes()).is_some();
            assert_eq!(definer(&replaced).as_deref(), names.then_some("n`w@%"), "{text}");
            assert_eq!(without_definer(&replaced), rest.as_bytes(), "{text}");
        }
    }
}
