//! An archive that is read without its index, or a script of somebody else: bytes in order, cut anywhere.

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result, Section};

use super::definitions::Definitions;
use super::frame::CopyHead;
use super::pool::{Pool, run_setting};
use super::rows::{Counts, copy, missing};
use super::statement::explain;
use crate::probe::definitions as definitions_name;
use crate::script::{Header, Part, Splitter, portable};

/// Rows are sent to the server in stretches of about this size.
const STRETCH: usize = 8 << 20;

/// The longest row, or the longest block of rows that cannot be cut; the server's own limit for a row.
const MAX_HELD: usize = 1 << 30;

/// Where a stream's parts go.
pub(super) struct Sink<'a> {
    pub(super) pool: &'a Pool,
    pub(super) counts: &'a Counts,
    pub(super) definitions: &'a mut Definitions,
    pub(super) wishes: &'a Wishes<'a>,
    pub(super) control: &'a Control<'a>,
}

/// What of the stream is wanted.
pub(super) struct Wishes<'a> {
    /// Whether all statements are run in their order, just as they come.
    pub(super) as_it_is: bool,
    /// Whether large objects are wanted.
    pub(super) large_objects: bool,
    /// Tells whether the rows of a table are wanted.
    pub(super) has_rows: &'a (dyn Fn(&ObjectName) -> bool + Sync),
    /// Gives a table the name that it has in the target.
    pub(super) rename: &'a (dyn Fn(&ObjectName) -> ObjectName + Sync),
}

/// A stream under way.
pub(super) struct Stream {
    splitter: Splitter,
    state: State,
}

struct State {
    /// The COPY whose rows are coming; none for rows that are not wanted.
    copy: Option<Rows>,
    /// Whether rows have come.
    after_rows: bool,
    place: u64,
}

struct Rows {
    table: ObjectName,
    statement: String,
    /// Whether the format lets rows be cut at line ends.
    is_text: bool,
    held: Vec<u8>,
}

impl Stream {
    pub(super) fn new() -> Stream {
        Stream { splitter: Splitter::new(), state: State { copy: None, after_rows: false, place: 0 } }
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, data: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        let state = &mut self.state;
        self.splitter.push(data, &mut |part| state.take(part, sink))
    }

    /// Takes note of the end.
    ///
    /// # Errors
    /// `DamagedBackup` when it comes inside a statement or among rows.
    pub(super) fn finish(self, sink: &mut Sink<'_>) -> Result<()> {
        let mut state = self.state;
        self.splitter.finish(&mut |part| state.take(part, sink))?;
        match state.copy {
            Some(rows) => Err(missing("the backup ends among rows").context("table", rows.table)),
            None => Ok(()),
        }
    }
}

impl State {
    fn take(&mut self, part: Part<'_>, sink: &mut Sink<'_>) -> Result<()> {
        sink.control.check()?;
        match part {
            Part::Statement { header, text, line } => self.statement(header, utf8(text, line)?, sink),
            Part::CopyBegin { text, line, .. } => self.begin(utf8(text, line)?, line, sink),
            Part::CopyData(data) => self.copy.as_mut().map_or(Ok(()), |rows| rows.take(data, sink)),
            Part::CopyEnd => self.copy.take().map_or(Ok(()), |mut rows| rows.send_all(sink)),
            Part::Meta(text) if text.starts_with("\\connect") => {
                Err(Error::new(ErrorKind::Unsupported, "the script connects to another database by itself")
                    .hint(
                        "make one script for each database, without \\connect: pg_dump without --create does",
                    ))
            }
            Part::Meta(_) => Ok(()),
        }
    }

    fn statement(&mut self, header: Option<&Header>, text: &str, sink: &mut Sink<'_>) -> Result<()> {
        let title = || {
            header.map_or_else(|| "statement".to_owned(), |header| format!("{} {}", header.kind, header.name))
        };
        if sink.wishes.as_it_is {
            return portable(text).map_or(Ok(()), |text| self.run(&text, &title(), sink));
        }
        if is_large_object(text) {
            if !sink.wishes.large_objects {
                return Ok(());
            }
            self.after_rows = true;
            sink.definitions.before_rows(sink.pool, sink.control)?;
            return self.run(text, &title(), sink);
        }
        let is_sequence = header.is_some_and(|header| header.kind == "SEQUENCE SET") || is_setval(text);
        let section = if is_sequence {
            Section::Data
        } else if self.after_rows {
            Section::PostData
        } else {
            Section::PreData
        };
        if is_sequence && !self.after_rows {
            self.after_rows = true;
        }
        let object = if is_sequence { ObjectName::new("sequence values") } else { definitions_name() };
        let mut kept = header.map(|header| format!("--\n{}\n--\n\n", header.line())).unwrap_or_default();
        kept.push_str(text);
        // A comment may end the statement.
        kept.push_str("\n;\n\n");
        self.place += 1;
        sink.definitions.add(section, &object, self.place, kept.as_bytes())
    }

    fn run(&self, text: &str, title: &str, sink: &Sink<'_>) -> Result<()> {
        sink.pool.with(sink.control, |connection| {
            if text.starts_with("SET ") {
                return run_setting(connection, text, sink.control);
            }
            connection.execute(text, sink.control).map_err(|error| explain(error, title, text))?;
            Ok(())
        })
    }

    fn begin(&mut self, text: &str, line: u64, sink: &mut Sink<'_>) -> Result<()> {
        let head = CopyHead::read(text).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "the script has a COPY that no dump has")
                .context("line", line)
                .hint("restore it with psql")
        })?;
        self.after_rows = true;
        if !sink.wishes.as_it_is {
            sink.definitions.before_rows(sink.pool, sink.control)?;
        }
        let is_wanted = (sink.wishes.has_rows)(&head.table);
        self.copy = is_wanted.then(|| Rows {
            statement: head.statement(&(sink.wishes.rename)(&head.table)),
            is_text: head.options.is_empty(),
            table: head.table,
            held: Vec::new(),
        });
        Ok(())
    }
}

impl Rows {
    fn take(&mut self, data: &[u8], sink: &Sink<'_>) -> Result<()> {
        if self.held.len().saturating_add(data.len()) > MAX_HELD {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a row, or rows in another format than text, are longer than 1 GiB",
            )
            .context("table", &self.table)
            .hint("restore it with psql"));
        }
        self.held.extend_from_slice(data);
        if self.is_text && self.held.len() >= STRETCH {
            // What follows the last line end is the beginning of a row.
            if let Some(end) = self.held.iter().rposition(|byte| *byte == b'\n') {
                let rest = self.held.split_off(end + 1);
                self.send(sink)?;
                self.held = rest;
            }
        }
        Ok(())
    }

    fn send_all(&mut self, sink: &Sink<'_>) -> Result<()> {
        // Also without rows: what is wrong with the table is then seen.
        self.send(sink)
    }

    fn send(&mut self, sink: &Sink<'_>) -> Result<()> {
        let rows = sink.pool.with(sink.control, |connection| {
            copy(connection, &self.statement, &self.table, &self.held, sink.control)
        })?;
        sink.counts.add(&self.table, rows, self.held.len());
        self.held = Vec::new();
        Ok(())
    }
}

fn utf8(text: &[u8], line: u64) -> Result<&str> {
    str::from_utf8(text).map_err(|_| {
        Error::new(ErrorKind::Unsupported, "the script is not UTF-8")
            .context("line", line)
            .hint("convert it with iconv first, or restore it with psql")
    })
}

fn is_setval(text: &str) -> bool {
    text.starts_with("SELECT pg_catalog.setval(")
}

/// Content of large objects stands between definitions, and may be far more than is held of those. pg_dump wraps it in
/// transactions, and nothing else.
fn is_large_object(text: &str) -> bool {
    matches!(text, "BEGIN" | "COMMIT")
        || ["lo_put(", "lo_open(", "lowrite(", "lo_close("].iter().any(|function| {
            text.strip_prefix("SELECT pg_catalog.").is_some_and(|rest| rest.starts_with(function))
        })
}
