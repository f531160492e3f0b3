//! Entries of the backup: what is run of them, and how.

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result, Selection};
use cadangkan_engine::LoadOptions;
use cadangkan_mywire::Connection;

use super::pool::run_setting;
use super::statement::{define, explain};
use crate::script::{About, Account, Header, Kind, Splitter, Statement, with_definer, without_definer};

/// With whose rights objects run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Definer {
    /// With those of the account that the backup names.
    Kept,
    /// With those of whoever restores.
    Dropped,
    /// With those of this one.
    Replaced(Account),
}

impl Definer {
    /// What a plan says of it, behind the objects.
    pub(super) fn shown(&self) -> String {
        match self {
            Definer::Kept => String::new(),
            Definer::Dropped => ", with the rights of whoever restores".to_owned(),
            Definer::Replaced(account) => format!(", with the rights of {account}"),
        }
    }

    /// Reads what was asked for.
    ///
    /// # Errors
    /// `Usage` for what is no `user@host`.
    pub(super) fn of(options: &LoadOptions) -> Result<Definer> {
        match (&options.definer, options.no_owner) {
            (None, false) => Ok(Definer::Kept),
            (None, true) => Ok(Definer::Dropped),
            (Some(_), true) => Err(Error::new(ErrorKind::Usage, "definers are either left out or replaced")
                .hint("choose one of --no-owner and --definer")),
            (Some(text), false) => {
                match text.rsplit_once('@').filter(|(user, host)| !user.is_empty() && !host.is_empty()) {
                    Some((user, host)) => {
                        Ok(Definer::Replaced(Account { user: user.to_owned(), host: Some(host.to_owned()) }))
                    }
                    None => Err(Error::new(ErrorKind::Usage, "a definer is written user@host")
                        .context("definer", text.escape_debug())),
                }
            }
        }
    }
}

/// One object of the backup with the statements that make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// The table of a trigger.
    pub(super) table: Option<String>,
    pub(super) statements: Vec<Vec<u8>>,
}

impl Entry {
    /// As a person says it.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.kind.word(), self.name)
    }

    /// The statement that makes the object, without settings around it.
    pub(super) fn main(&self) -> Option<&Vec<u8>> {
        self.statements.iter().find(|statement| About::read(statement).kind == self.kind)
    }

    /// Changes whose rights it runs with.
    pub(super) fn change_definer(&mut self, definer: &Definer) {
        for statement in &mut self.statements {
            *statement = match definer {
                Definer::Kept => return,
                Definer::Dropped => without_definer(statement),
                Definer::Replaced(account) => with_definer(statement, account),
            };
        }
    }

    /// Runs its statements in their order.
    pub(super) fn run(&self, connection: &mut Connection, control: &Control<'_>) -> Result<()> {
        for statement in &self.statements {
            match About::read(statement).kind {
                Kind::SetServer => {}
                Kind::Set => run_setting(connection, statement, control)?,
                _ => {
                    define(connection, statement, control)
                        .map_err(|error| explain(error, &self.shown(), statement))?;
                }
            }
        }
        Ok(())
    }
}

/// Reads a script of our own: the statements before its first entry, and its entries.
pub(super) fn parse(text: &[u8]) -> Result<(Vec<Vec<u8>>, Vec<Entry>)> {
    let (mut preamble, mut entries) = (Vec::new(), Vec::<Entry>::new());
    let mut take = |statement: Statement<'_>| {
        let Some(header) = statement.header else {
            preamble.push(statement.text.to_vec());
            return Ok(());
        };
        let kind = kind_of(header)?;
        let is_same = |entry: &&mut Entry| {
            entry.kind == kind && entry.name == header.name && entry.table == header.table
        };
        match entries.last_mut().filter(is_same) {
            Some(entry) => entry.statements.push(statement.text.to_vec()),
            None => entries.push(Entry {
                kind,
                name: header.name.clone(),
                table: header.table.clone(),
                statements: vec![statement.text.to_vec()],
            }),
        }
        Ok(())
    };
    let mut splitter = Splitter::new();
    splitter.push(text, &mut take)?;
    splitter.finish(&mut take)?;
    Ok((preamble, entries))
}

fn kind_of(header: &Header) -> Result<Kind> {
    let kinds = [
        Kind::Table,
        Kind::View,
        Kind::Trigger,
        Kind::Function,
        Kind::Procedure,
        Kind::Package,
        Kind::Event,
        Kind::Sequence,
        Kind::SequenceValue,
        Kind::Database,
    ];
    kinds.into_iter().find(|kind| header.kind == kind.word()).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "the backup has a kind of object that this version does not know")
            .context("kind", header.kind.escape_debug())
            .hint("restore it with the version of Cadangkan that made it, or a newer one")
    })
}

/// Tells whether an object is meant. Where tables are named, only they and their triggers are, and views that are
/// named; where some are only left out, everything else is.
pub(super) fn is_meant(selection: &Selection, kind: Kind, name: &str, table: Option<&str>) -> bool {
    let has = |name: &str| selection.has_table(&ObjectName::new(name));
    match kind {
        Kind::Trigger => table.is_none_or(has),
        Kind::Table | Kind::View | Kind::Sequence | Kind::SequenceValue => has(name),
        _ => selection.tables.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use cadangkan_core::Pattern;

    use super::*;

    #[test]
    fn scripts_of_ours_are_read() {
        let text = b"-- Cadangkan 0.1\nSET NAMES utf8mb4;\n-- Cadangkan: kind=VIEW name=\"v\"\nSET sql_mode='';\n\
                     CREATE DEFINER=`a`@`b` VIEW v AS SELECT 1;\n-- Cadangkan: kind=TRIGGER name=\"t\" table=\"x\"\n\
                     DELIMITER ;;\nCREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET @a=1; END;;\nDELIMITER ;\n";
        let (preamble, mut entries) = parse(text).unwrap();
        assert_eq!((preamble.len(), entries.len(), entries[0].statements.len()), (1, 2, 2));
        assert_eq!(entries[1].table.as_deref(), Some("x"));
        entries[0].change_definer(&Definer::Dropped);
        assert_eq!(entries[0].main().unwrap(), b"CREATE  VIEW v AS SELECT 1");
        let error = parse(b"-- Cadangkan: kind=GALAXY name=\"v\"\nSELECT 1;").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn named_tables_bring_their_triggers() {
        let named = Selection { tables: vec![Pattern("a*".into())], ..Selection::default() };
        let without = Selection { exclude_tables: vec![Pattern("a*".into())], ..Selection::default() };
        let meant =
            |kind, name, table| (is_meant(&named, kind, name, table), is_meant(&without, kind, name, table));
        assert_eq!(meant(Kind::Table, "ab", None), (true, false));
        assert_eq!(meant(Kind::Trigger, "x", Some("ab")), (true, false));
        assert_eq!(meant(Kind::Procedure, "ab", None), (false, true));
        assert_eq!(meant(Kind::View, "ab", None), (true, false));
    }
}
