//! Definitions: what `pg_dump` says, on the same snapshot as the rows.

use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Frame, Result, Selection};
use cadangkan_engine::{FrameSink, Unit};
use cadangkan_pgwire::Target;

use crate::script::{self, Entry, Selector};
use crate::tools::{self, Running, Tool};

/// Definitions are cut into frames of about this size, at the borders of entries.
const FRAME_BYTES: usize = 1 << 20;

/// Settings that older servers do not know, with the version from which they do. They are left out for older ones,
/// so that the archive restores to a server like the one it is of.
const NEWER_SETTINGS: &[(&str, u32)] = &[("transaction_timeout", 170_000)];

/// What `pg_dump` is asked.
pub(super) struct Asked<'a> {
    pub(super) target: &'a Target,
    pub(super) tool: &'a Tool,
    pub(super) snapshot: &'a str,
    pub(super) lock_timeout: Duration,
    pub(super) utf8: bool,
}

/// The definitions of one dump.
pub(super) struct Definitions {
    selection: Selection,
    header: Vec<Vec<u8>>,
    pre_data: Vec<Vec<u8>>,
    warnings: Vec<String>,
    post_data: Vec<Vec<u8>>,
}

impl Definitions {
    /// Reads the definitions, those that rows need and those that need rows at the same time. Only then it is sure
    /// that `pg_dump` got its locks, which a run of hours should not find out at its end.
    pub(super) fn begin(
        asked: &Asked<'_>,
        hidden: &[String],
        selection: &Selection,
        version: u32,
        control: &Control<'_>,
    ) -> Result<Self> {
        let before = Running::start("pg_dump", asked.command("pre-data", hidden))?;
        let after = if selection.data_only {
            None
        } else {
            Some(Running::start("pg_dump", asked.command("post-data", hidden))?)
        };
        let output = before.finish(control)?;
        let script = script::parse(&text(output.stdout)?)?;
        let mut selector = Selector::new(selection);
        let after = after.map(|running| running.finish(control)).transpose()?;
        let messages = after.as_ref().map(|output| output.messages.clone()).unwrap_or_default();
        let later = after.map(|output| script::parse(&text(output.stdout)?)).transpose()?;
        if selection.is_of_tables()
            && let Some(script) = &later
        {
            // What only an index or a trigger needs stands before the rows too.
            selector.look_ahead(script);
        }
        let known = |statement: &&String| {
            !NEWER_SETTINGS.iter().any(|(setting, since)| statement.contains(setting) && version < *since)
        };
        let header: String =
            script.preamble.iter().filter(known).map(|statement| format!("{statement};\n")).collect();
        let selected = selector.pre_data(&script)?;
        let selected_later = later.map(|script| selector.post_data(&script)).unwrap_or_default();
        let mut warnings = warnings_of(output.messages);
        // What is said of the whole database is said twice.
        let more: Vec<_> =
            warnings_of(messages).into_iter().filter(|text| !warnings.contains(text)).collect();
        warnings.extend(more.into_iter().chain(selected.warnings).chain(selected_later.warnings));
        Ok(Definitions {
            selection: selection.clone(),
            header: vec![format!("--\n-- PostgreSQL database dump\n--\n\n{header}\n").into_bytes()],
            pre_data: cut(&selected.entries),
            warnings,
            post_data: cut(&selected_later.entries),
        })
    }

    /// Settings of the session.
    pub(super) fn header(&self) -> &[Vec<u8>] {
        &self.header
    }

    /// What rows need, cut into frames.
    pub(super) fn pre_data(&self) -> &[Vec<u8>] {
        &self.pre_data
    }

    /// Adds definitions that rows need and `pg_dump` left out.
    pub(super) fn add_before_rows(&mut self, texts: Vec<Vec<u8>>) {
        self.pre_data.extend(texts);
    }

    /// What a person should know of them.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// What is selected.
    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// What needs rows, cut into frames.
    pub(super) fn post_data(&self) -> &[Vec<u8>] {
        &self.post_data
    }

    /// Adds what comes behind everything else.
    pub(super) fn add_last(&mut self, text: String) {
        self.post_data.extend((!text.is_empty()).then(|| text.into_bytes()));
    }
}

impl Asked<'_> {
    fn command(&self, section: &str, hidden: &[String]) -> std::process::Command {
        let mut command = tools::command(self.tool, self.target);
        command.args([
            format!("--section={section}"),
            format!("--snapshot={}", self.snapshot),
            format!("--encoding={}", if self.utf8 { "UTF8" } else { "SQL_ASCII" }),
            format!("--lock-wait-timeout={}", self.lock_timeout.as_millis()),
            "--no-password".to_owned(),
        ]);
        command.args(hidden.iter().map(|pattern| format!("--exclude-table={pattern}")));
        command
    }
}

/// Sends texts as frames, numbered from `first_part`.
pub(super) fn send(unit: &Unit, first_part: u64, texts: &[Vec<u8>], sink: &dyn FrameSink) -> Result<()> {
    for (part, text) in (first_part..).zip(texts) {
        let mut data = sink.buffer(text.len())?;
        data.extend_from_slice(text);
        sink.send(Frame { section: unit.section, object: unit.object.clone(), part, rows: 0, data })?;
    }
    Ok(())
}

/// Writes entries into texts of about one frame each, of which each stands alone.
fn cut(entries: &[Entry]) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    let (mut first, mut bytes) = (0, 0);
    for (place, entry) in entries.iter().enumerate() {
        bytes += entry.text().len();
        if bytes >= FRAME_BYTES || place + 1 == entries.len() {
            texts.push(script::write(entries.get(first..=place).unwrap_or_default()).into_bytes());
            (first, bytes) = (place + 1, 0);
        }
    }
    texts
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| {
        Error::new(ErrorKind::Unsupported, "the definitions hold text that is not UTF-8")
            .hint("this database has no encoding (SQL_ASCII) and names or functions with bytes outside of ASCII: rename them, or use pg_dump")
    })
}

fn warnings_of(messages: Vec<String>) -> Vec<String> {
    messages.into_iter().filter(|message| message.contains("warning:")).collect()
}
