//! Definitions of what is in a database besides tables, read so that they can be made again elsewhere.

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt};
use cadangkan_mywire::{Connection, identifier, literal};

use super::entries::Entry;
use super::objects::Object;
use crate::script::{Kind, Tokens};

/// Reads the definition of one object. The connection must be in its database, since servers leave out the name of
/// the current one.
pub(super) fn read(connection: &mut Connection, object: &Object, control: &Control<'_>) -> Result<Entry> {
    let mut statements = Vec::new();
    match object.kind {
        Kind::Package => {
            statements.extend(show(connection, "PACKAGE", &object.name, control)?);
            // A package may be without a body.
            statements.extend(show(connection, "PACKAGE BODY", &object.name, control).unwrap_or_default());
        }
        kind => statements.extend(show(connection, kind.word(), &object.name, control)?),
    }
    Ok(Entry { kind: object.kind, name: object.name.clone(), table: object.table.clone(), statements })
}

/// The settings and the statement that `SHOW CREATE` gives (manual, "SHOW CREATE TRIGGER" and its neighbours).
fn show(connection: &mut Connection, word: &str, name: &str, control: &Control<'_>) -> Result<Vec<Vec<u8>>> {
    let sql = format!("SHOW CREATE {word} {}", identifier(name));
    let row = connection.query(&sql, control).context("object", name.escape_debug())?.into_iter().next();
    let row = row.unwrap_or_default();
    let (mode, zone, text) = match word {
        "VIEW" => (None, None, 1),
        "EVENT" => (Some(1), Some(2), 3),
        _ => (Some(1), None, 2),
    };
    let value = |at: usize| row.get(at).and_then(Option::as_deref);
    let text = value(text).ok_or_else(|| {
        Error::new(ErrorKind::Denied, "the definition of an object cannot be read")
            .context("object", format!("{} {}", word.to_lowercase(), name.escape_debug()))
            .hint("restore as a user who may: with SHOW_ROUTINE, or as the owner")
    })?;
    let mut statements = Vec::new();
    if let Some(mode) = mode.and_then(value) {
        statements.push(format!("SET SESSION sql_mode = {}", literal(mode)).into_bytes());
    }
    if let Some(zone) = zone.and_then(value) {
        statements.push(format!("SET SESSION time_zone = {}", literal(zone)).into_bytes());
    }
    statements.push(text.as_bytes().to_vec());
    Ok(statements)
}

/// An event that does not run by itself.
pub(super) fn asleep(mut entry: Entry) -> Entry {
    for statement in &mut entry.statements {
        let tokens: Vec<_> = Tokens::new(statement).collect();
        let found = tokens.windows(2).find_map(|pair| match pair {
            [first, second] if first.is("PRESERVE") && second.is("ENABLE") => Some(second.begin..second.end),
            _ => None,
        });
        if let Some(range) = found {
            statement.splice(range, b"DISABLE".iter().copied());
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_events_sleep() {
        let text = "CREATE EVENT `ENABLE` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE DO SELECT 'ENABLE'";
        let entry = Entry {
            kind: Kind::Event,
            name: "e".into(),
            table: None,
            statements: vec![text.as_bytes().to_vec()],
        };
        let asleep = String::from_utf8(asleep(entry).statements.remove(0)).unwrap();
        assert!(asleep.contains("PRESERVE DISABLE DO SELECT 'ENABLE'") && asleep.contains("`ENABLE`"));
    }
}
