//! Plain runs of dumps and loads, as a runner would do them, without archives.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may fail")]

use std::sync::Mutex;
use std::thread::scope;

use cadangkan_core::{
    Cancel, Control, Error, Event, Frame, Leftover, NoReporter, ObjectName, ObjectReport, Pattern, Reporter,
    Result, Section, Selection, first_cause,
};
use cadangkan_engine::{
    DumpRequest, Engine, FrameSink, LoadMode, LoadPlan, LoadReport, LoadRequest, Piece, Snapshot,
    SnapshotEnd, SnapshotStart,
};

use crate::FakeClock;

/// Calls `work` with a control that nobody cancels.
pub fn controlled<T>(work: impl FnOnce(&Control<'_>) -> T) -> T {
    with_cancel(&Cancel::default(), work)
}

/// Calls `work` with a control that this cancels.
pub fn with_cancel<T>(cancel: &Cancel, work: impl FnOnce(&Control<'_>) -> T) -> T {
    let clock = FakeClock::default();
    work(&Control { cancel, reporter: &NoReporter, clock: &clock })
}

/// Keeps all frames.
#[derive(Default)]
pub struct Frames(pub Mutex<Vec<Frame>>);

impl FrameSink for Frames {
    fn buffer(&self, capacity: usize) -> Result<Vec<u8>> {
        Ok(Vec::with_capacity(capacity.min(1 << 16)))
    }

    fn send(&self, frame: Frame) -> Result<()> {
        self.0.lock().unwrap().push(frame);
        Ok(())
    }
}

/// A dump held in memory, in the order of the archive.
pub struct Dump {
    /// All frames, in the order in which they came.
    pub frames: Vec<Frame>,
    /// What was dumped, with rows and fingerprints.
    pub objects: Vec<ObjectReport>,
    /// What the snapshot knew at its beginning.
    pub start: SnapshotStart,
    /// What it knew at its end.
    pub end: SnapshotEnd,
}

impl Dump {
    /// The archive, uncompressed.
    pub fn script(&self) -> Vec<u8> {
        self.frames.iter().flat_map(|frame| frame.data.clone()).collect()
    }

    /// Its frames by name and part.
    pub fn sorted(&self) -> Vec<&Frame> {
        let mut frames: Vec<_> = self.frames.iter().collect();
        frames.sort_by_key(|frame| (frame.section, frame.object.clone(), frame.part));
        frames
    }

    /// A request for a load of it, checked.
    pub fn request(&self, mode: LoadMode) -> LoadRequest {
        LoadRequest {
            mode,
            raw_bytes: Some(self.frames.iter().map(|frame| frame.data.len() as u64).sum()),
            attributes: self.start.attributes.clone(),
            objects: self.objects.clone(),
            position: self.start.position.clone(),
            side_files: self
                .start
                .side_files
                .iter()
                .map(|side| (side.kind.word.to_owned(), side.bytes.clone()))
                .collect(),
            check: true,
            ..LoadRequest::default()
        }
    }

    /// The rows of a table without a schema.
    pub fn rows(&self, table: &str) -> Option<u64> {
        let name = ObjectName::new(table);
        self.objects.iter().find(|object| object.name == name).and_then(|object| object.rows)
    }

    /// Its frames as pieces of the archive, without those that a plan does not need.
    pub fn pieces<'a>(&'a self, plan: &LoadPlan) -> Vec<Piece<'a>> {
        let mut offset = 0;
        let mut pieces = Vec::new();
        for frame in &self.frames {
            let needed = plan.needs.as_ref().is_none_or(|needs| needs.contains(&frame.object));
            if needed || matches!(frame.section, Section::Header | Section::Trailer) {
                let (section, object) = (Some(frame.section), Some(&frame.object));
                pieces.push(Piece { raw_offset: offset, section, object, data: &frame.data });
            }
            offset += frame.data.len() as u64;
        }
        pieces
    }
}

/// Dumps over two connections, or one where there is only one.
pub fn dump(engine: &dyn Engine, request: &DumpRequest) -> Result<Dump> {
    dump_while(engine, request, || {})
}

/// Dumps, and does something as soon as the view is open.
pub fn dump_while(engine: &dyn Engine, request: &DumpRequest, meanwhile: impl FnOnce()) -> Result<Dump> {
    controlled(|control| {
        let snapshot = engine.begin_snapshot(request, control)?;
        meanwhile();
        dump_snapshot(snapshot, control)
    })
}

/// Dumps what a snapshot shows, and ends it.
pub fn dump_snapshot(snapshot: Box<dyn Snapshot>, control: &Control<'_>) -> Result<Dump> {
    let (frames, objects) = (Frames::default(), Mutex::new(Vec::<ObjectReport>::new()));
    for section in Section::ALL {
        let units = snapshot.units().iter().filter(|unit| unit.section == section);
        in_threads(snapshot.connections(), units, |unit| {
            let report = snapshot.dump(unit, &frames, control)?;
            let mut objects = objects.lock().unwrap();
            let known = objects.iter().position(|object| object.name == unit.object);
            let place = known.unwrap_or_else(|| {
                objects.push(ObjectReport::new(unit.kind.clone(), unit.object.clone()));
                objects.len() - 1
            });
            let object = objects.get_mut(place).unwrap();
            *object.rows.get_or_insert(0) += report.rows;
            if let Some(part) = report.fingerprint {
                object.fingerprint.get_or_insert_default().merge(part);
            }
            Ok(())
        })?;
    }
    let start = snapshot.start().clone();
    let end = snapshot.end(control)?;
    let mut frames = frames.0.into_inner().unwrap();
    frames.sort_by_key(|frame| frame.section);
    Ok(Dump { frames, objects: objects.into_inner().unwrap(), start, end })
}

/// Loads a dump frame by frame, two at once, and commits it; returns also what the engine has to say.
pub fn load(engine: &dyn Engine, dump: &Dump, request: &LoadRequest) -> Result<(LoadReport, Vec<String>)> {
    controlled(|control| {
        let plan = engine.plan_load(request, control)?;
        let mut load = engine.begin_load(&plan, control)?;
        let pieces = dump.pieces(&plan);
        for section in Section::in_order(load.definitions_first()) {
            let of_section = pieces.iter().filter(|piece| piece.section == Some(section));
            in_threads(load.connections(), of_section, |piece| load.load(piece, control))?;
        }
        let report = load.finish(control)?;
        Ok((report, load.commit()?))
    })
}

/// Restores bytes without an index, in stretches of `stretch` bytes.
pub fn restore_stream(
    engine: &dyn Engine,
    request: &LoadRequest,
    raw: &[u8],
    stretch: usize,
) -> Result<(LoadReport, Vec<String>)> {
    restore_stream_to(engine, request, raw, stretch, &NoReporter)
}

/// The same, and tells a reporter.
pub fn restore_stream_to(
    engine: &dyn Engine,
    request: &LoadRequest,
    raw: &[u8],
    stretch: usize,
    reporter: &dyn Reporter,
) -> Result<(LoadReport, Vec<String>)> {
    let (cancel, clock) = (Cancel::default(), FakeClock::default());
    let control = &Control { cancel: &cancel, reporter, clock: &clock };
    let plan = engine.plan_load(request, control)?;
    let mut load = engine.begin_load(&plan, control)?;
    let mut raw_offset = 0;
    for data in raw.chunks(stretch) {
        if let Err(error) = load.load(&Piece { raw_offset, section: None, object: None, data }, control) {
            // What cannot be undone is told by the error.
            let _ = load.abort();
            return Err(error);
        }
        raw_offset += data.len() as u64;
    }
    let report = load.finish(control)?;
    Ok((report, load.commit()?))
}

/// Plans a load.
pub fn plan(engine: &dyn Engine, request: &LoadRequest) -> Result<LoadPlan> {
    controlled(|control| engine.plan_load(request, control))
}

/// What broken runs left.
pub fn leftovers(engine: &dyn Engine) -> Vec<Leftover> {
    controlled(|control| engine.leftovers(control)).unwrap()
}

/// What broken runs left, and what is said of it.
pub fn leftovers_and_words(engine: &dyn Engine) -> (Vec<Leftover>, String) {
    let (cancel, clock, heard) = (Cancel::default(), FakeClock::default(), Heard::default());
    let control = Control { cancel: &cancel, reporter: &heard, clock: &clock };
    (engine.leftovers(&control).unwrap(), heard.all())
}

/// Rows and fingerprint of each table.
pub fn fingerprints(engine: &dyn Engine) -> Vec<ObjectReport> {
    controlled(|control| engine.fingerprint(&Selection::default(), control)).unwrap()
}

/// Selects tables by name.
pub fn tables(names: &[&str]) -> Selection {
    let tables = names.iter().map(|name| Pattern((*name).to_owned())).collect();
    Selection { tables, ..Selection::default() }
}

/// The whole story of an error, with its advice.
pub fn told(error: &Error) -> String {
    format!("{}; {}", error.chain().join(": "), error.advice().expect("an error says what to do"))
}

/// Gives the messages of a run to a test.
#[derive(Default)]
pub struct Heard(Mutex<Vec<String>>);

impl Reporter for Heard {
    fn report(&self, event: &Event<'_>) {
        if let Event::Message { text, .. } = event {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }
}

impl Heard {
    /// All messages, a line each.
    pub fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

/// Works items off, two at once where there are two connections.
fn in_threads<T: Sync>(
    connections: usize,
    items: impl Iterator<Item = T> + Send,
    work: impl Fn(T) -> Result<()> + Sync,
) -> Result<()> {
    let next = Mutex::new(items);
    let work_all = || -> Result<()> {
        loop {
            // The guard goes before the work begins.
            let item = next.lock().unwrap().next();
            match item {
                Some(item) => work(item)?,
                None => return Ok(()),
            }
        }
    };
    scope(|scope| {
        let threads: Vec<_> = (0..connections.clamp(1, 2)).map(|_| scope.spawn(work_all)).collect();
        first_cause(threads.into_iter().map(|thread| thread.join().unwrap()).collect()).map(drop)
    })
}
