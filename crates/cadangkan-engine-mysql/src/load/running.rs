//! A load under way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result, Section, quietly};
use cadangkan_engine::{Later, Load, LoadMode, LoadPlan, LoadReport, LoadRequest, Piece};
use cadangkan_mywire::Connection;

use super::definitions::Definitions;
use super::finish;
use super::history::WITHOUT_LOG;
use super::look::Look;
use super::place::Place;
use super::plan::{Detail, Was, Way, needs, tables};
use super::pool::{Hold, Pool};
use super::rows::{Counts, Sending, send_frame};
use super::session::Session;
use super::statement::again_after_deadlocks;
use super::stream::{Sink, Stream};
use super::swap::swap;
use super::waiting::Waiting;
use crate::config::Config;

/// More connections than this make a server of usual size slower, not faster.
const MAX_WIDTH: usize = 4;

/// Begins to carry out a plan.
pub(crate) fn begin(config: &Config, plan: &LoadPlan, control: &Control<'_>) -> Result<Box<dyn Load>> {
    let Some(detail) = plan.detail.downcast_ref::<Detail>() else {
        return Err(Error::new(ErrorKind::Internal, "the plan is another engine's"));
    };
    let target = config.target()?;
    let target = if detail.history.is_some() { target.beginning_with(WITHOUT_LOG) } else { target };
    let look = Look::at(&target, control)?;
    if Was::of(&look) != detail.was {
        return Err(Error::new(ErrorKind::Conflict, "the target has changed since the restore was planned")
            .context("database", &look.name)
            .hint("start the restore again"));
    }
    let LoadRequest { mode, options, .. } = &detail.request;
    let data = *mode == LoadMode::Data;
    let hold = if data { Hold::UntilCommit } else { Hold::Nothing };
    let width = if options.single_transaction { 1 } else { config.jobs.min(MAX_WIDTH) };
    let place = Place::prepare(&look, detail, data, control)?;
    let session = Session { lock_timeout: config.lock_timeout, unique_checks: data };
    let pool = Pool::new(place.target(), session, hold, width);
    let load = Box::new(MysqlLoad {
        config: config.clone(),
        detail: detail.clone(),
        pool,
        place,
        definitions: Mutex::new(Definitions::new(detail)),
        counts: Counts::default(),
        stream: Mutex::new(None),
        seen: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        finished: false,
        done: false,
    });
    // A session from the start shows others that this database is in use. When it fails, the drop cleans up.
    if detail.way != Way::Recreate {
        load.pool.with(control, |_| Ok(()))?;
    }
    Ok(load)
}

/// A load under way.
struct MysqlLoad {
    config: Config,
    detail: Detail,
    pool: Pool,
    place: Place,
    definitions: Mutex<Definitions>,
    counts: Counts,
    /// A script in order, where pieces are no frames.
    stream: Mutex<Option<Box<Stream>>>,
    /// Bytes of the archive that came.
    seen: AtomicU64,
    /// Whether a piece could not be loaded.
    failed: AtomicBool,
    /// Whether all of it came and is complete.
    finished: bool,
    /// Whether there is nothing left to clean up.
    done: bool,
}

impl Load for MysqlLoad {
    fn connections(&self) -> usize {
        self.pool.width()
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

    fn later(&mut self) -> Option<Box<dyn Later>> {
        let views = self.definitions().take_waiting();
        let target = self.place.server().with_database(Some(&self.place.name));
        (!views.is_empty()).then(|| Box::new(Waiting { target, views }) as Box<dyn Later>)
    }

    fn commit(mut self: Box<Self>) -> Result<Vec<String>> {
        if !self.finished {
            return Err(Error::new(ErrorKind::Internal, "the load was not finished"));
        }
        quietly(|control| {
            self.pool.commit(control)?;
            self.pool.close();
            let mut notes = match self.detail.way {
                Way::Beside(old) => {
                    let definitions = self.definitions();
                    let notes =
                        swap(&self.place, definitions.others(), old, self.config.lock_timeout, control);
                    drop(definitions);
                    notes?
                }
                _ => {
                    self.place.unmark(control)?;
                    Vec::new()
                }
            };
            self.place.forget();
            self.done = true;
            if let Some(history) = &self.detail.history {
                notes.extend(history.take_over(self.place.server(), control)?);
            }
            notes.extend(std::mem::take(&mut self.detail.accounts).make(self.place.server(), control)?);
            Ok(notes)
        })
    }

    fn abort(mut self: Box<Self>) -> Result<()> {
        self.undo()
    }
}

impl Drop for MysqlLoad {
    fn drop(&mut self) {
        // What stays is named by `leftovers`.
        let _ = self.undo();
    }
}

impl MysqlLoad {
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
        quietly(|control| self.place.undo(control))
    }

    fn take(&self, piece: &Piece<'_>, control: &Control<'_>) -> Result<()> {
        self.seen.fetch_add(piece.data.len() as u64, Ordering::Relaxed);
        match (piece.section, piece.object) {
            (Some(Section::Data), Some(table)) => self.rows(table, piece.data, control),
            (Some(section), _) => self.definitions().add(section, piece.raw_offset, piece.data),
            (None, _) => self.stream(piece, control),
        }
    }

    fn rows(&self, table: &ObjectName, data: &[u8], control: &Control<'_>) -> Result<()> {
        if !self.request().selection.has_rows(table) {
            return Ok(());
        }
        let (has_transactions, members) = {
            let mut definitions = self.definitions();
            definitions.before_rows(&self.pool, &self.place, control)?;
            (definitions.has_transactions(&table.name), definitions.members(&table.name))
        };
        self.place.touch();
        let Detail { max_packet, local_infile, .. } = self.detail;
        let as_file = members.filter(|_| local_infile && !self.pool.is_held());
        let sending = &Sending { max_packet, as_file };
        let send = |connection: &mut Connection| send_frame(connection, table, data, sending, control);
        let rows = if has_transactions {
            // A frame is a transaction, so it can be sent again, unless it is one with others.
            if self.pool.is_held() {
                self.pool.with(control, send)?
            } else {
                again_after_deadlocks(control, || self.pool.with(control, send))?
            }
        } else {
            self.pool.without_transaction(control, send)?
        };
        self.counts.add(table, rows, data.len());
        Ok(())
    }

    fn stream(&self, piece: &Piece<'_>, control: &Control<'_>) -> Result<()> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = match &mut *stream {
            Some(stream) => stream,
            none => {
                self.place.begin(control)?;
                self.definitions().begin_script(&self.place, control)?;
                none.insert(Box::new(Stream::new()))
            }
        };
        self.sink(control, &mut |sink| stream.push(piece.data, sink))
    }

    /// Gives the places where a stream's parts go to `work`.
    fn sink<T>(&self, control: &Control<'_>, work: &mut dyn FnMut(&mut Sink<'_>) -> Result<T>) -> Result<T> {
        let mut definitions = self.definitions();
        work(&mut Sink {
            pool: &self.pool,
            place: &self.place,
            counts: &self.counts,
            definitions: &mut definitions,
            request: self.request(),
            max_packet: self.detail.max_packet,
            control,
        })
    }

    fn complete(&mut self, control: &Control<'_>) -> Result<LoadReport> {
        let stream = self.stream.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let is_stream = stream.is_some();
        if let Some(stream) = stream {
            let mut stream = Some(stream);
            let preamble = self.sink(control, &mut |sink| {
                stream.take().map_or(Ok(Vec::new()), |stream| stream.finish(sink))
            })?;
            self.pool.set_preamble(preamble, control)?;
        }
        if is_stream || needs(self.request()).is_none() {
            finish::refuse_missing_bytes(self.request(), self.seen.load(Ordering::Relaxed))?;
        }
        let counts = self.counts.all();
        finish::refuse_missing_rows(self.request(), &counts)?;
        {
            let mut definitions = self.definitions();
            if is_stream {
                definitions.refuse_unknown_tables()?;
                definitions.build(&self.pool, &counts, control)?;
            } else {
                definitions.after_rows(&self.pool, &self.place, &counts, control)?;
            }
        }
        self.report(control)
    }

    /// Says what is there.
    fn report(&self, control: &Control<'_>) -> Result<LoadReport> {
        let request = self.request();
        let counts = self.counts.all();
        let known = tables(&request.objects).filter(|name| request.selection.has_table(name)).count();
        let tables = if request.objects.is_empty() { self.definitions().tables() } else { known as u64 };
        let target = (!self.pool.is_held()).then(|| self.place.target());
        let lowers = self.detail.lowers;
        let objects = finish::reports(request, &counts, target.as_ref(), lowers, self.config.jobs, control)?;
        let read_back = objects.iter().any(|object| object.fingerprint.is_some());
        let check = read_back.then(|| "reading all rows back".to_owned());
        Ok(LoadReport { tables, image: None, objects, check })
    }
}
