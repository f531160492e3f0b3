//! Reads a script of definitions into entries, and writes them back.

use cadangkan_core::{Error, ErrorKind, Result};

use super::header::Header;
use super::kind;
use super::portable::portable;
use super::split::{Part, Splitter};
use super::statement::Statement;

/// A script of definitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// The settings that come before the first entry, without `;`: `SET statement_timeout = 0`.
    pub(crate) preamble: Vec<String>,
    /// The entries in their order.
    pub(crate) entries: Vec<Entry>,
}

/// One entry: a header comment and the statements up to the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What the comment before it says.
    pub(crate) header: Header,
    /// Its statements, without `;`.
    pub(crate) statements: Vec<String>,
    /// The settings it needs to be run alone, which pg_dump writes between entries when they change:
    /// `SET default_tablespace = fast`.
    pub(crate) settings: Vec<String>,
}

/// The settings that stand between entries and hold until they are changed.
const SETTINGS: [&str; 3] = ["default_tablespace", "default_table_access_method", "default_with_oids"];

/// Reads a script, without what only the server takes of which it is.
///
/// Fails with `Unsupported` when it holds rows, connects to another database or has commands of psql, and with
/// `DamagedBackup` when it stops inside a statement.
pub(crate) fn parse(text: &str) -> Result<Script> {
    let mut reader = Reader::default();
    let mut splitter = Splitter::new();
    splitter.push(text.as_bytes(), &mut |part| reader.take(&part))?;
    splitter.finish(&mut |part| reader.take(&part))?;
    let Reader { mut script, .. } = reader;
    for entry in &mut script.entries {
        kind::settle(entry);
    }
    Ok(script)
}

#[derive(Default)]
struct Reader {
    script: Script,
    settings: Vec<(&'static str, String)>,
}

impl Reader {
    fn take(&mut self, part: &Part<'_>) -> Result<()> {
        let refuse = |what: &str| Error::new(ErrorKind::Unsupported, what).context("script", "definitions");
        match part {
            Part::Statement { header, text, line } => {
                let text = str::from_utf8(text).map_err(|error| {
                    refuse("a definition is not UTF-8").context("line", line).source(error)
                })?;
                self.statement(*header, text);
                Ok(())
            }
            Part::Meta(text) if text.starts_with(r"\connect") => {
                Err(refuse("the definitions connect to another database"))
            }
            Part::Meta(_) => Ok(()),
            Part::CopyBegin { .. } | Part::CopyData(_) | Part::CopyEnd => {
                Err(refuse("there are rows among the definitions"))
            }
        }
    }

    fn statement(&mut self, header: Option<&Header>, text: &str) {
        if let Some(setting) = setting_of(text) {
            self.settings.retain(|(name, _)| *name != setting);
            self.settings.push((setting, text.to_owned()));
            return;
        }
        if let Some(header) = header {
            self.script.entries.push(Entry {
                header: header.clone(),
                statements: Vec::new(),
                settings: self.settings.iter().map(|(_, text)| text.clone()).collect(),
            });
        }
        let Some(text) = portable(text) else { return };
        match self.script.entries.last_mut() {
            Some(entry) => entry.statements.push(text.into_owned()),
            None => self.script.preamble.push(text.into_owned()),
        }
    }
}

fn setting_of(text: &str) -> Option<&'static str> {
    text.get(..3).filter(|word| word.eq_ignore_ascii_case("SET"))?;
    let statement = Statement::read(text);
    let mut words = statement.cursor();
    let name = words.take_word("SET").then(|| words.identifier()).flatten()?;
    SETTINGS.into_iter().find(|setting| *setting == name)
}

/// Writes entries as `pg_dump` does: what it gives is run by psql, alone or behind other entries, and read by
/// [`parse`] to the same value.
pub(crate) fn write(entries: &[Entry]) -> String {
    let mut text = String::new();
    let mut settings: &[String] = &[];
    for entry in entries {
        entry.write(&mut text, settings);
        settings = &entry.settings;
    }
    text
}

impl Entry {
    /// Writes the entry as pg_dump does, with all of its settings, so that it can be run alone or behind others.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, &[]);
        text
    }

    fn write(&self, text: &mut String, present: &[String]) {
        let changed = self.settings.iter().filter(|setting| !present.contains(setting));
        changed.for_each(|setting| write_statement(text, setting, "\n\n"));
        text.push_str("--\n");
        text.push_str(&self.header.line());
        text.push_str("\n--\n\n");
        self.statements.iter().for_each(|statement| write_statement(text, statement, "\n\n"));
        text.push('\n');
    }
}

/// A comment may be the last thing in a statement; the `;` then needs a line of its own.
fn write_statement(text: &mut String, statement: &str, end: &str) {
    let ends_in_comment = Statement::read(statement).ends_in_comment();
    text.push_str(statement);
    text.push_str(if ends_in_comment { "\n;" } else { ";" });
    text.push_str(end);
}

#[cfg(test)]
mod tests;
