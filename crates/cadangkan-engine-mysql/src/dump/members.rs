//! Characters that a definition lost: both servers write members of ENUM and SET, and MariaDB default values, in a
//! character set without those beyond the basic plane, and `?` in their place.

use std::ops::Range;

use cadangkan_core::{Control, ErrorKind, Result, ResultExt};
use cadangkan_mywire::{Connection, identifier};

use super::shows::Shown;
use crate::catalog::{Table, text};
use crate::script::{Token, Tokens, in_quotes};
use crate::session::is;

/// Character sets with characters beyond the basic plane.
const WIDE: [&str; 5] = ["utf8mb4", "utf16", "utf16le", "utf32", "gb18030"];

/// A text of a definition that may have lost something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Doubt {
    column: String,
    what: What,
    /// Where it stands, with its quotes.
    place: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// The member of this place, counted from 0.
    EnumMember(usize),
    SetMember(usize),
    Default,
}

/// Writes the whole texts into a definition, where it has a `?` that may stand for another character. `connect` gives a
/// connection that is not in a snapshot.
///
/// # Errors
/// `Denied` when that cannot be found out, since it takes a temporary table: never a definition that is not the table's.
pub(super) fn whole(
    definition: Vec<u8>,
    table: &Table,
    control: &Control<'_>,
    connect: impl FnOnce() -> Result<Connection>,
) -> Result<Vec<u8>> {
    let mut doubts = doubts(&definition);
    doubts.retain(|doubt| is_wide(table, &doubt.column));
    let Some(first) = doubts.first() else { return Ok(definition) };
    let column = first.column.clone();
    let mut connection = connect()?;
    let texts = ask(&mut connection, table, &doubts, control);
    let texts = texts.map_err(|error| match is(&error, &[1044, 1142, 1143]) {
        true => error
            .with_kind(ErrorKind::Denied)
            .hint("the server shows `?` for what may be another character: to find out, grant CREATE TEMPORARY TABLES on the database, or leave the table out with --exclude-tables"),
        false => error,
    });
    let texts = texts.context("during", "reading members and defaults").context("column", column)?;
    let mut whole = Vec::with_capacity(definition.len());
    let mut copied = 0;
    for (doubt, text) in doubts.iter().zip(texts) {
        whole.extend_from_slice(definition.get(copied..doubt.place.start).unwrap_or_default());
        whole.extend_from_slice(in_quotes(&text).as_bytes());
        copied = doubt.place.end;
    }
    whole.extend_from_slice(definition.get(copied..).unwrap_or_default());
    Ok(whole)
}

fn is_wide(table: &Table, column: &str) -> bool {
    // Generated ones are not among the columns.
    let known = table.columns.iter().find(|known| known.name == column);
    known.is_none_or(|column| column.charset.as_deref().is_some_and(|charset| WIDE.contains(&charset)))
}

/// Finds texts with a `?` among the members and defaults of a definition, in their order.
fn doubts(definition: &[u8]) -> Vec<Doubt> {
    if !definition.contains(&b'?') {
        return Vec::new();
    }
    let tokens: Vec<_> = Tokens::new(definition).collect();
    let body = tokens.iter().skip_while(|token| !token.is_char(b'(')).skip(1);
    let (mut doubts, mut column) = (Vec::new(), Vec::new());
    let mut depth = 1_usize;
    for token in body {
        if token.is_char(b'(') {
            depth += 1;
        } else if token.is_char(b')') {
            depth -= 1;
        }
        if depth == 0 || (depth == 1 && token.is_char(b',')) {
            of_column(&column, &mut doubts);
            column.clear();
        } else {
            column.push(token);
        }
        if depth == 0 {
            break;
        }
    }
    doubts
}

/// Looks at the words of one column.
fn of_column(item: &[&Token<'_>], doubts: &mut Vec<Doubt>) {
    let [name, kind, rest @ ..] = item else { return };
    if !name.is_quoted() || name.text.starts_with(b"'") {
        return;
    }
    let is_doubtful = |token: &Token<'_>| token.text.starts_with(b"'") && token.text.contains(&b'?');
    let mut add = |what, token: &Token<'_>| {
        doubts.push(Doubt { column: name.name(), what, place: token.begin..token.end });
    };
    if kind.is("ENUM") || kind.is("SET") {
        let members = rest.iter().take_while(|token| !token.is_char(b')'));
        for (place, token) in members.filter(|token| token.text.starts_with(b"'")).enumerate() {
            if is_doubtful(token) {
                let what = if kind.is("ENUM") { What::EnumMember(place) } else { What::SetMember(place) };
                add(what, token);
            }
        }
    }
    for pair in rest.windows(2) {
        if let [word, value] = pair
            && word.is("DEFAULT")
            && is_doubtful(value)
        {
            add(What::Default, value);
        }
    }
}

/// Asks for the whole texts: in a temporary table of the same columns members and defaults are values.
fn ask(
    connection: &mut Connection,
    table: &Table,
    doubts: &[Doubt],
    control: &Control<'_>,
) -> Result<Vec<String>> {
    let mut columns: Vec<_> = doubts.iter().map(|doubt| identifier(&doubt.column)).collect();
    columns.dedup();
    let sql = format!(
        "CREATE TEMPORARY TABLE cadangkan_members (cadangkan_key int NOT NULL AUTO_INCREMENT PRIMARY KEY) SELECT {} FROM {} LIMIT 0",
        columns.join(", "),
        table.quoted
    );
    connection.execute(sql, control)?;
    let mut texts = Vec::new();
    for doubt in doubts {
        let column = identifier(&doubt.column);
        let value = |number: u64| format!("INSERT INTO cadangkan_members ({column}) VALUES ({number})");
        let insert = match doubt.what {
            What::EnumMember(place) => value(place as u64 + 1),
            What::SetMember(place) => value(1_u64.checked_shl(place as u32).unwrap_or_default()),
            What::Default => "INSERT INTO cadangkan_members () VALUES ()".to_owned(),
        };
        connection.execute("DELETE FROM cadangkan_members", control)?;
        connection.execute(insert, control)?;
        let sql = format!("SELECT CONVERT({column} USING utf8mb4) FROM cadangkan_members");
        let row = connection.query_bytes(&sql, control)?.into_iter().next().unwrap_or_default();
        texts.push(text(&Shown::of(row).bytes()?)?);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_lost_is_found() {
        let definition = "CREATE TABLE `t?` (\n  `a` enum('x?','b','c''?') DEFAULT 'x?' COMMENT 'c?',\n  `s?` set('y','?') DEFAULT NULL,\n  \
            `v` varchar(10) DEFAULT '?' CHECK (`v` <> '?'),\n  `g` varchar(9) GENERATED ALWAYS AS (concat(`v`,'?')) VIRTUAL,\n  `n` int DEFAULT 1,\n  \
            KEY `k` (`a`) COMMENT '?'\n) COMMENT='?' PARTITION BY LIST COLUMNS(`v`) (PARTITION p VALUES IN ('?'))";
        let found = doubts(definition.as_bytes());
        let shown: Vec<_> = found
            .iter()
            .map(|doubt| {
                format!("{} {:?} {}", doubt.column, doubt.what, definition.get(doubt.place.clone()).unwrap())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "a EnumMember(0) 'x?'",
                "a EnumMember(2) 'c''?'",
                "a Default 'x?'",
                "s? SetMember(1) '?'",
                "v Default '?'"
            ]
        );
        for none in ["CREATE TABLE `a` (`b` int)", "?", "CREATE TABLE `a` LIKE '?'", "(,?"] {
            assert_eq!(doubts(none.as_bytes()), [], "{none}");
        }
    }
}
