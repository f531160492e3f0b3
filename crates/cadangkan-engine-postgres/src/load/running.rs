use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result, Section, quietly};
use cadangkan_engine::{Load, LoadMode, LoadPlan, LoadReport, LoadRequest, Piece};

use super::binary::Binary;
use super::custom::{MAGIC, Restoring};
use super::definitions::Definitions;
use super::entries::Runner;
use super::filter::Filter;
use super::finish;
use super::frame::RowFrame;
use super::look::Look;
use super::place::Place;
use super::plan::{Detail, Was, Way, has_large_objects, renamed};
use super::pool::{Hold, Pool, Session};
use super::rows::{Counts, copy, missing};
use super::statement::explain;
use super::stream::{Sink, Stream, Wishes};
use super::tablespaces;
use crate::config::Config;

/// Begins to carry out a plan.
pub(crate) fn begin(config: &Config, plan: &LoadPlan, control: &Control<'_>) -> Result<Box<dyn Load>> {
    let Some(detail) = plan.detail.downcast_ref::<Detail>() else {
        return Err(Error::new(ErrorKind::Internal, "the plan is another engine's"));
    };
    let look = Look::at(&config.target()?, control)?;
    if Was::of(&look) != detail.was {
        return Err(Error::new(ErrorKind::Conflict, "the target has changed since the restore was planned")
            .context("database", look.name())
            .hint("start the restore again"));
    }
    let data = detail.request.mode == LoadMode::Data;
    let hold = if detail.is_single() || data { Hold::UntilCommit } else { Hold::Nothing };
    // Triggers and foreign keys must see the rows of other tables.
    let width = if detail.is_single() || (data && !detail.replica) { 1 } else { config.jobs };
    let place = Place::prepare(&look, detail, hold == Hold::UntilCommit, control)?;
    let encoding = detail.request.attribute("encoding");
    let session = Session {
        lock_timeout: config.lock_timeout,
        client_encoding: encoding
            .filter(|encoding| matches!(*encoding, "SQL_ASCII" | "MULE_INTERNAL"))
            .map(|_| "SQL_ASCII".to_owned()),
        ours: !detail.request.attributes.is_empty(),
        replica: detail.replica,
    };
    let binary = session.client_encoding.is_none().then(Binary::default);
    let pool = Pool::new(place.target(), session, hold, width);
    let filter = Filter {
        options: detail.request.options.clone(),
        missing_tablespaces: detail.missing_tablespaces.clone(),
    };
    let runner = Runner { among_others: detail.is_among_others() };
    let LoadRequest { selection, mode, .. } = &detail.request;
    let spaces = tablespaces::of(&detail.request);
    let early = hold == Hold::Nothing && *mode != LoadMode::Clean && !detail.request.objects.is_empty();
    let expected = early.then(|| finish::expected(&detail.request));
    let definitions = Definitions::new(selection, *mode, filter, spaces, runner, place.touched(), expected);
    let load = Box::new(PostgresLoad {
        config: config.clone(),
        version: look.version,
        detail: detail.clone(),
        pool,
        place,
        definitions: Mutex::new(definitions),
        early,
        counts: Counts::default(),
        binary,
        source: Mutex::new(Source::Frames),
        seen: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        finished: false,
        done: false,
    });
    // A session from the start shows others that this database is in use. When it fails, the drop cleans up.
    load.pool.with(control, |_| Ok(()))?;
    Ok(load)
}

/// A load under way.
struct PostgresLoad {
    config: Config,
    version: u32,
    detail: Detail,
    pool: Pool,
    place: Place,
    definitions: Mutex<Definitions>,
    /// Whether definitions that need rows may be made while other rows come.
    early: bool,
    counts: Counts,
    /// Translates rows for the server, where their text is UTF-8.
    binary: Option<Binary>,
    source: Mutex<Source>,
    /// Bytes of the archive that came.
    seen: AtomicU64,
    /// Whether a piece could not be loaded.
    failed: AtomicBool,
    /// Whether all of it came and is complete.
    finished: bool,
    /// Whether there is nothing left to clean up.
    done: bool,
}

/// What pieces are.
enum Source {
    /// Frames, each known by its section and object.
    Frames,
    /// A script in order.
    Script(Box<Stream>),
    /// A dump in pg_dump's custom format.
    Custom(Box<Restoring>),
}

impl Load for PostgresLoad {
    fn connections(&self) -> usize {
        self.pool.width()
    }

    fn definitions_first(&self) -> bool {
        self.early
    }

    fn load(&self, piece: &Piece<'_>, control: &Control<'_>) -> Result<()> {
        control.check()?;
        self.take(piece, control).map_err(|error| self.failure(error))
    }

    fn finish(&mut self, control: &Control<'_>) -> Result<LoadReport> {
        if self.failed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Internal, "a load that failed cannot be finished")
                .hint("see the error that came first"));
        }
        let report = self.complete(control).map_err(|error| self.failure(error))?;
        self.finished = true;
        Ok(report)
    }

    fn commit(mut self: Box<Self>) -> Result<Vec<String>> {
        if !self.finished {
            return Err(Error::new(ErrorKind::Internal, "the load was not finished"));
        }
        quietly(|control| {
            if let Place::Inside(_) = self.place {
                self.pool.commit(control)?;
            }
            self.pool.close();
            let notes = match &mut self.place {
                Place::Beside(beside) => beside.swap_in(control)?,
                Place::Inside(_) => Vec::new(),
            };
            self.done = true;
            Ok(notes)
        })
    }

    fn abort(mut self: Box<Self>) -> Result<()> {
        self.undo()
    }
}

impl Drop for PostgresLoad {
    fn drop(&mut self) {
        // What stays is named by `leftovers`.
        let _ = self.undo();
    }
}

impl PostgresLoad {
    fn request(&self) -> &LoadRequest {
        &self.detail.request
    }

    fn definitions(&self) -> MutexGuard<'_, Definitions> {
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self, error: Error) -> Error {
        self.failed.store(true, Ordering::SeqCst);
        error.context("target", self.place.after_failure())
    }

    fn undo(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        self.pool.close();
        // Ends a pg_restore that still runs.
        *self.source.get_mut().unwrap_or_else(PoisonError::into_inner) = Source::Frames;
        quietly(|control| self.place.undo(control))
    }

    fn take(&self, piece: &Piece<'_>, control: &Control<'_>) -> Result<()> {
        self.seen.fetch_add(piece.data.len() as u64, Ordering::Relaxed);
        let (Some(section), Some(object)) = (piece.section, piece.object) else {
            return self.stream(piece, control);
        };
        match section {
            Section::Data if object.schema.is_some() => self.rows(object, piece.data, control),
            Section::Data if object.name == "large objects" => self.large_objects(piece.data, control),
            Section::Data if self.request().selection.schema_only => Ok(()),
            _ => self.definitions().add(section, object, piece.raw_offset, piece.data),
        }
    }

    fn rows(&self, table: &ObjectName, data: &[u8], control: &Control<'_>) -> Result<()> {
        if !self.request().selection.has_rows(table) {
            return Ok(());
        }
        let frame = RowFrame::read(data, table)?;
        let early = {
            let mut definitions = self.definitions();
            definitions.before_rows(&self.pool, control)?;
            definitions.early()
        };
        self.place.touch();
        let here = renamed(table, &self.request().options);
        let rows = self.pool.with(control, |connection| match &self.binary {
            Some(binary) => binary.copy(connection, &frame, &here, control),
            None => copy(connection, &frame.head.statement(&here), table, frame.rows, control),
        })?;
        let count = self.counts.add(table, rows, frame.rows.len());
        early.map_or(Ok(()), |early| early.came(table, count, &self.pool, control))
    }

    fn large_objects(&self, data: &[u8], control: &Control<'_>) -> Result<()> {
        if !has_large_objects(self.request()) {
            return Ok(());
        }
        let is_put = |line: &str| line.starts_with("SELECT pg_catalog.lo_put(") && line.ends_with(");");
        let text = str::from_utf8(data).ok().filter(|text| text.lines().all(is_put));
        let text = text.ok_or_else(|| missing("a frame of large objects is not what it should be"))?;
        self.definitions().before_rows(&self.pool, control)?;
        self.pool.with(control, |connection| {
            // Several statements in one message are one transaction (manual, "Multiple Statements in a Simple Query").
            connection.execute(text, control).map_err(|error| explain(error, "large objects", text))?;
            Ok(())
        })
    }

    fn stream(&self, piece: &Piece<'_>, control: &Control<'_>) -> Result<()> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Source::Frames = &*source {
            *source = if piece.data.starts_with(MAGIC) {
                let mut request = self.request().clone();
                self.place.touch();
                // So that it leaves the target as it was when it fails.
                request.options.single_transaction |= self.pool.is_held();
                let restoring = Restoring::start(&self.config, self.pool.target(), self.version, &request)?;
                Source::Custom(Box::new(restoring))
            } else {
                if self.is_as_it_is() {
                    self.place.touch();
                    // A script written by hand counts on what psql finds.
                    let reset = "RESET search_path; RESET DateStyle; RESET IntervalStyle";
                    self.pool.with(control, |connection| connection.execute(reset, control))?;
                }
                Source::Script(Box::new(Stream::new()))
            };
        }
        match &mut *source {
            Source::Custom(restoring) => restoring.write(piece.data, control),
            Source::Script(stream) => self.sink(control, &mut |sink| stream.push(piece.data, sink)),
            Source::Frames => Ok(()),
        }
    }

    /// Whether a script is run statement by statement, since nothing of it is to be changed or left out.
    fn is_as_it_is(&self) -> bool {
        let LoadRequest { options, selection, mode, .. } = self.request();
        let is_changed = options.no_owner || options.no_privileges || !options.rename_schemas.is_empty();
        !is_changed
            && selection.is_everything()
            && self.detail.missing_tablespaces.is_empty()
            && matches!(mode, LoadMode::Fresh | LoadMode::Replace | LoadMode::Recreate)
    }

    /// Gives the places where a stream's parts go to `work`.
    fn sink(&self, control: &Control<'_>, work: &mut dyn FnMut(&mut Sink<'_>) -> Result<()>) -> Result<()> {
        let request = self.request();
        let has_rows = |table: &ObjectName| request.selection.has_rows(table);
        let rename = |table: &ObjectName| renamed(table, &request.options);
        let wishes = Wishes {
            as_it_is: self.is_as_it_is(),
            large_objects: has_large_objects(request),
            has_rows: &has_rows,
            rename: &rename,
        };
        let mut definitions = self.definitions();
        work(&mut Sink {
            pool: &self.pool,
            counts: &self.counts,
            definitions: &mut definitions,
            wishes: &wishes,
            control,
        })
    }

    fn complete(&mut self, control: &Control<'_>) -> Result<LoadReport> {
        let source =
            std::mem::replace(self.source.get_mut().unwrap_or_else(PoisonError::into_inner), Source::Frames);
        let mut stream = match source {
            Source::Custom(mut restoring) => {
                restoring.finish(control)?;
                self.place.take_commit();
                return self.report(control);
            }
            Source::Script(stream) => Some(stream),
            Source::Frames => None,
        };
        if stream.is_some() {
            self.sink(control, &mut |sink| stream.take().map_or(Ok(()), |stream| stream.finish(sink)))?;
            finish::refuse_open_transaction(&self.pool, control)?;
            self.pool.with(control, |connection| connection.execute("SET search_path = ''", control))?;
        }
        if super::plan::needs(self.request()).is_none() {
            finish::refuse_missing_bytes(self.request(), self.seen.load(Ordering::Relaxed))?;
        }
        let counts = self.counts.all();
        finish::refuse_missing_rows(self.request(), &counts)?;
        let rest = self.definitions().after_rows(&self.pool, &counts, control)?;
        finish::analyze(&self.pool, self.request(), &rest.analyzed, control)?;
        self.pool
            .with(control, |connection| self.definitions().run(connection, &rest.of_database, control))?;
        self.report(control)
    }

    /// Makes all of it durable, and says what is there.
    fn report(&mut self, control: &Control<'_>) -> Result<LoadReport> {
        let tables = finish::count_tables(&self.pool, self.request(), control)?;
        self.pool.make_durable(control)?;
        if let Place::Beside(beside) = &mut self.place {
            self.pool.commit(control)?;
            beside.take_properties(control)?;
        }
        let is_visible = self.detail.way != Way::Inside || !self.pool.is_held();
        let target = is_visible.then(|| self.place.target());
        let counts = self.counts.all();
        let objects = finish::reports(self.request(), &counts, target.as_ref(), self.config.jobs, control)?;
        let read_back = objects.iter().any(|object| object.fingerprint.is_some());
        let check = read_back.then(|| "reading all rows back".to_owned());
        Ok(LoadReport { tables, image: None, objects, check })
    }
}
