//! What a backup dumps: one database, or several one after the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::scope;

use cadangkan_core::{
    Control, Error, ErrorKind, Frame, Level, ObjectName, Result, ResultExt, Section, Selection, first_cause,
};
use cadangkan_engine::{FrameSink, ServerSnapshot, Snapshot, SnapshotEnd, SnapshotStart, Unit, UnitReport};
use serde_json::{Map, Value};

use crate::server::tell_turn;

/// Told of every unit that was dumped.
pub(crate) type Done<'a> = &'a (dyn Fn(&Unit, UnitReport) + Sync);

/// What a backup dumps, all of one moment.
pub(crate) trait Content: Sync {
    /// Bytes and objects that there are, as far as that is known before.
    fn total(&self) -> (Option<u64>, Option<u64>);

    /// Dumps all of it with up to `workers` threads. Called once; `control` is its own alone.
    fn dump(&self, workers: usize, sink: &dyn FrameSink, control: &Control<'_>, done: Done<'_>)
    -> Result<()>;

    /// Makes sure that the view held to the end, and lets go of it.
    fn end(self: Box<Self>, control: &Control<'_>) -> Result<Seen>;
}

/// What is known when all is dumped.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) start: SnapshotStart,
    pub(crate) end: SnapshotEnd,
    /// The databases, where they are several.
    pub(crate) databases: Vec<SeenDatabase>,
}

/// One of several.
pub(crate) struct SeenDatabase {
    pub(crate) name: String,
    pub(crate) selection: Selection,
    pub(crate) attributes: Map<String, Value>,
}

/// One database.
pub(crate) struct Single(Box<dyn Snapshot>);

impl Single {
    /// Takes a view that has begun.
    pub(crate) fn of<'a>(snapshot: Box<dyn Snapshot>, control: &Control<'_>) -> Box<dyn Content + 'a> {
        tell(snapshot.start(), None, control);
        Box::new(Single(snapshot))
    }
}

impl Content for Single {
    fn total(&self) -> (Option<u64>, Option<u64>) {
        // One image is no list of objects that somebody would want counted.
        let objects = Some(self.0.units().len() as u64).filter(|units| *units > 1);
        (self.0.start().estimated_bytes, objects)
    }

    fn dump(
        &self,
        workers: usize,
        sink: &dyn FrameSink,
        control: &Control<'_>,
        done: Done<'_>,
    ) -> Result<()> {
        dump_sections(self.0.as_ref(), workers, sink, control, done)
    }

    fn end(self: Box<Self>, control: &Control<'_>) -> Result<Seen> {
        let start = self.0.start().clone();
        Ok(Seen { start, end: self.0.end(control)?, databases: Vec::new() })
    }
}

/// Several databases of one server in one archive. Each is opened when it is its turn; names of its objects carry its own.
pub(crate) struct Combined<'a> {
    server: Box<dyn ServerSnapshot>,
    /// What is asked for of each.
    selection: &'a (dyn Fn(&str) -> Selection + Sync),
    seen: Mutex<Seen>,
}

impl<'a> Combined<'a> {
    /// Takes a view of several databases.
    pub(crate) fn new(
        server: Box<dyn ServerSnapshot>,
        selection: &'a (dyn Fn(&str) -> Selection + Sync),
    ) -> Self {
        Combined { server, selection, seen: Mutex::default() }
    }

    fn part(
        &self,
        name: &str,
        workers: usize,
        sink: &dyn FrameSink,
        control: &Control<'_>,
        done: Done<'_>,
    ) -> Result<()> {
        let part = self.server.open_part(name, control)?;
        let start = part.start().clone();
        tell(&start, Some(name), control);
        let done = |unit: &Unit, report: UnitReport| {
            done(&Unit { object: named(&unit.object, name), ..unit.clone() }, report);
        };
        dump_sections(part.as_ref(), workers, &NamedSink { sink, name }, control, &done)?;
        let end = part.end(control)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.databases.push(SeenDatabase {
            name: name.to_owned(),
            selection: (self.selection)(name),
            attributes: start.attributes.clone(),
        });
        seen.add(name, start, end);
        Ok(())
    }
}

impl Content for Combined<'_> {
    fn total(&self) -> (Option<u64>, Option<u64>) {
        // Each is known when it is its turn.
        (None, None)
    }

    fn dump(
        &self,
        workers: usize,
        sink: &dyn FrameSink,
        control: &Control<'_>,
        done: Done<'_>,
    ) -> Result<()> {
        let databases = self.server.databases();
        for (number, name) in databases.iter().enumerate() {
            control.check()?;
            tell_turn(control, number, databases.len(), name);
            self.part(name, workers, sink, control, done).context("database", name.escape_debug())?;
        }
        let rest = self.server.open_rest(control)?;
        dump_sections(rest.as_ref(), workers, sink, control, done)?;
        rest.end(control).map(drop)
    }

    fn end(self: Box<Self>, _control: &Control<'_>) -> Result<Seen> {
        Ok(self.seen.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    /// Adds what is known of one of several databases. Server, position and programs are the same for all.
    fn add(&mut self, name: &str, start: SnapshotStart, end: SnapshotEnd) {
        let of = |warnings: Vec<String>| {
            warnings.into_iter().map(move |text| format!("{}: {text}", name.escape_debug()))
        };
        let mine = &mut self.start;
        mine.server = start.server;
        mine.position = start.position;
        mine.tool_versions = start.tool_versions;
        mine.side_files.extend(start.side_files);
        mine.warnings.extend(of(start.warnings));
        self.end.check = end.check;
        self.end.warnings.extend(of(end.warnings));
        for (key, value) in end.measured {
            let longest = self.end.measured.get(&key).and_then(Value::as_u64).max(value.as_u64());
            self.end.measured.insert(key, longest.map_or(value, Value::from));
        }
    }
}

/// Tells whoever watches what a person should know.
fn tell(start: &SnapshotStart, database: Option<&str>, control: &Control<'_>) {
    for warning in &start.warnings {
        let of = database.map(|name| format!("{}: ", name.escape_debug())).unwrap_or_default();
        control.message(Level::Warning, &format!("{of}{warning}"));
    }
}

fn named(object: &ObjectName, database: &str) -> ObjectName {
    ObjectName { database: Some(database.to_owned()), ..object.clone() }
}

/// Takes the frames of one of several databases.
struct NamedSink<'a> {
    sink: &'a dyn FrameSink,
    name: &'a str,
}

impl FrameSink for NamedSink<'_> {
    fn buffer(&self, capacity: usize) -> Result<Vec<u8>> {
        self.sink.buffer(capacity)
    }

    fn send(&self, frame: Frame) -> Result<()> {
        self.sink.send(Frame { object: named(&frame.object, self.name), ..frame })
    }
}

/// Dumps all units: section after section, and within one as many at once as the snapshot has connections. The
/// first that fails cancels the others, through the token in `control`, which is theirs alone.
fn dump_sections(
    snapshot: &dyn Snapshot,
    workers: usize,
    sink: &dyn FrameSink,
    control: &Control<'_>,
    done: Done<'_>,
) -> Result<()> {
    for section in Section::ALL {
        let units: Vec<_> = snapshot.units().iter().filter(|unit| unit.section == section).collect();
        let next = AtomicUsize::new(0);
        let dump = || -> Result<()> {
            while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                control.check()?;
                let report = snapshot.dump(unit, sink, control).context("object", &unit.object);
                let report = report.inspect_err(|_| control.cancel.cancel())?;
                done(unit, report);
            }
            Ok(())
        };
        let threads = snapshot.connections().min(workers).min(units.len());
        scope(|scope| -> Result<()> {
            let dumpers: Vec<_> = (0..threads).map(|_| scope.spawn(dump)).collect();
            let results = dumpers.into_iter().map(|dumper| {
                dumper.join().unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "a dump panicked")))
            });
            first_cause(results.collect()).map(drop)
        })?;
    }
    Ok(())
}
