//! An archive that is read without its index, or a script of somebody else: bytes in order, cut anywhere.

use cadangkan_core::{Control, Error, ErrorKind, Level, ObjectName, Result};
use cadangkan_engine::{LoadMode, LoadRequest};
use cadangkan_mywire::Connection;

use super::definitions::Definitions;
use super::entries::{Entry, is_meant};
use super::place::Place;
use super::pool::{Pool, autocommitted, run_setting};
use super::rows::{Counts, send};
use super::statement::explain;
use crate::script::{About, Kind, Splitter, Statement, Tokens};

/// Where a stream's parts go.
pub(super) struct Sink<'a> {
    pub(super) pool: &'a Pool,
    pub(super) place: &'a Place,
    pub(super) counts: &'a Counts,
    pub(super) definitions: &'a mut Definitions,
    pub(super) request: &'a LoadRequest,
    pub(super) max_packet: usize,
    pub(super) control: &'a Control<'a>,
}

/// A stream under way.
pub(super) struct Stream {
    splitter: Splitter,
    state: State,
}

#[derive(Default)]
struct State {
    /// Settings since the last object that is made again at a swap.
    settings: Vec<Vec<u8>>,
    /// Settings before anything else.
    preamble: Vec<Vec<u8>>,
    /// Whether anything but settings has come.
    begun: bool,
    /// The one database that the script names.
    database: Option<String>,
}

impl Stream {
    pub(super) fn new() -> Stream {
        Stream { splitter: Splitter::new(), state: State::default() }
    }

    /// Takes the next bytes; the rows in them are committed at the end.
    pub(super) fn push(&mut self, data: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        let state = &mut self.state;
        let splitter = &mut self.splitter;
        let (pool, control) = (sink.pool, sink.control);
        pool.with(control, |connection| splitter.push(data, &mut |part| state.take(part, connection, sink)))
    }

    /// Takes note of the end; returns the settings with which the script began.
    ///
    /// # Errors
    /// `DamagedBackup` when it comes inside a statement.
    pub(super) fn finish(self, sink: &mut Sink<'_>) -> Result<Vec<Vec<u8>>> {
        let Stream { splitter, mut state } = self;
        let (pool, control) = (sink.pool, sink.control);
        pool.with(control, |connection| splitter.finish(&mut |part| state.take(part, connection, sink)))?;
        Ok(state.preamble)
    }
}

impl State {
    fn take(
        &mut self,
        statement: Statement<'_>,
        connection: &mut Connection,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        sink.control.check()?;
        let Statement { text, line, .. } = statement;
        let about = About::read(text);
        if about.kind == Kind::Set {
            self.settings.push(text.to_vec());
            if !self.begun {
                self.preamble.push(text.to_vec());
            }
            return run_setting(connection, text, sink.control);
        }
        self.begun = true;
        self.run(&about, text, connection, sink).map_err(|error| error.context("line", line))
    }

    fn run(
        &mut self,
        about: &About,
        text: &[u8],
        connection: &mut Connection,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let control = sink.control;
        let name = about.name.clone().unwrap_or_default();
        match about.kind {
            Kind::SetServer => {
                let text = "settings of the server in the script (GTIDs, binary log, …) are left alone";
                control.message(Level::Info, text);
                return Ok(());
            }
            Kind::Use | Kind::Database => {
                self.one_database(about.database.as_ref().or(about.name.as_ref()))?;
                let is_ours = about.kind == Kind::Database && about.name.is_none();
                let is_whole = sink.place.is_own() && !sink.request.selection.is_of_tables();
                if is_ours && is_whole && sink.request.mode != LoadMode::Data {
                    sink.definitions.of_database(connection, text, control)?;
                }
                return Ok(());
            }
            Kind::Lock | Kind::Keys | Kind::Transaction => return Ok(()),
            Kind::Insert => return self.rows(&name, about, text, connection, sink),
            _ => {}
        }
        if sink.request.mode == LoadMode::Data && about.kind != Kind::SequenceValue {
            return Ok(());
        }
        if about.kind == Kind::Table {
            sink.definitions.see(&name);
        }
        let kind = if matches!(about.kind, Kind::Drop | Kind::Alter) { Kind::Table } else { about.kind };
        if about.kind != Kind::Other
            && !is_meant(&sink.request.selection, kind, &name, about.table.as_deref())
        {
            return Ok(());
        }
        sink.place.touch();
        match about.kind {
            Kind::Table => {
                let entry = Entry { kind: Kind::Table, name, table: None, statements: vec![text.to_vec()] };
                sink.definitions.make_table(connection, sink.place, entry, control)
            }
            Kind::View | Kind::Trigger | Kind::Function | Kind::Procedure | Kind::Package | Kind::Event => {
                let mut settings = std::mem::take(&mut self.settings);
                settings.push(text.to_vec());
                let entry =
                    Entry { kind: about.kind, name, table: about.table.clone(), statements: settings };
                sink.definitions.make_of_script(connection, sink.place, entry, control)
            }
            Kind::Other if !is_of_tables(text)? => {
                control.message(Level::Info, &format!("left out: {}", super::statement::shown(text)));
                Ok(())
            }
            _ => {
                let title = format!("{} {name}", about.kind.word());
                connection.execute(text, control).map_err(|error| explain(error, &title, text))?;
                Ok(())
            }
        }
    }

    /// The target is what the person named, so one name in the script is as good as another; two are two databases.
    fn one_database(&mut self, name: Option<&String>) -> Result<()> {
        let Some(name) = name else { return Ok(()) };
        match &self.database {
            Some(known) if known != name => {
                Err(Error::new(ErrorKind::Unsupported, "the script holds more than one database")
                    .context("databases", format!("{}, {}", known.escape_debug(), name.escape_debug()))
                    .hint("give all of it to the server's own client; or make one script for each database, as mysqldump without --databases does"))
            }
            Some(_) => Ok(()),
            none => {
                let _ = none;
                self.database = Some(name.clone());
                Ok(())
            }
        }
    }

    fn rows(
        &self,
        name: &str,
        about: &About,
        text: &[u8],
        connection: &mut Connection,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        if about.database.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the script names the database of its rows by itself",
            )
            .context("table", name.escape_debug())
            .hint("restore it with the server's own client"));
        }
        let table = ObjectName::new(name);
        sink.definitions.see(name);
        if !sink.request.selection.has_rows(&table) {
            return Ok(());
        }
        sink.place.touch();
        let (max_packet, control) = (sink.max_packet, sink.control);
        let send = |connection: &mut Connection| send(connection, &table, text, max_packet, control);
        let rows = if sink.definitions.has_transactions(name) {
            send(connection)?
        } else if sink.pool.is_held() {
            sink.pool.without_transaction(control, send)?
        } else {
            autocommitted(connection, control, send)?
        };
        sink.counts.add(&table, rows, text.len());
        Ok(())
    }
}

/// Tells whether a statement that is none of a dump's usual ones changes tables, so that it is run, or only asks or
/// tells the server something, so that it can be left out.
///
/// # Errors
/// `Unsupported` for what reaches beyond the database, such as accounts.
fn is_of_tables(text: &[u8]) -> Result<bool> {
    let mut tokens = Tokens::new(text);
    let Some(first) = tokens.next() else { return Ok(false) };
    let any = |words: &[&str]| words.iter().any(|word| first.is(word));
    if any(&["SELECT", "SHOW", "FLUSH", "ANALYZE", "OPTIMIZE", "CHECK", "DESCRIBE", "DESC", "EXPLAIN", "DO"])
    {
        return Ok(false);
    }
    if any(&["UPDATE", "DELETE", "TRUNCATE", "RENAME"]) {
        return Ok(true);
    }
    let is_index = tokens.accept("INDEX")
        || tokens.accept("UNIQUE")
        || tokens.accept("FULLTEXT")
        || tokens.accept("SPATIAL");
    if first.is("CREATE") && is_index {
        return Ok(true);
    }
    Err(Error::new(ErrorKind::Unsupported, "the script has a statement that no dump of one database has")
        .context("statement", super::statement::shown(text))
        .hint("take it out of the script, or run the script with the server's own client"))
}
