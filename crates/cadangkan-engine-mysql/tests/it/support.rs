use std::sync::Mutex;
use std::thread::scope;

use cadangkan_core::{
    Cancel, Control, ErrorKind, Frame, NoReporter, ObjectName, ObjectReport, Result, Section, Selection,
};
use cadangkan_engine::{
    DumpRequest, Engine, FrameSink, LoadMode, LoadReport, LoadRequest, Piece, SnapshotStart,
};
use cadangkan_engine_mysql::MYSQL;
use cadangkan_testkit::FakeClock;
use cadangkan_testkit::mysql::TestDatabase;
use serde_json::{Value, json};

/// A dump held in memory, in the order of the archive.
pub(crate) struct Dump {
    pub(crate) frames: Vec<Frame>,
    pub(crate) objects: Vec<ObjectReport>,
    pub(crate) start: SnapshotStart,
}

/// Opens a database by its URL, with more settings.
pub(crate) fn engine_with(url: &str, more: Value) -> Box<dyn Engine> {
    let mut settings = (MYSQL.parse_url)(url).unwrap().unwrap();
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (MYSQL.open)(&settings).unwrap()
}

/// Opens a database of a test server.
pub(crate) fn engine(database: &TestDatabase) -> Box<dyn Engine> {
    engine_with(&database.url, json!({}))
}

pub(crate) fn controlled<T>(work: impl FnOnce(&Control<'_>) -> T) -> T {
    let (cancel, clock) = (Cancel::default(), FakeClock::default());
    work(&Control { cancel: &cancel, reporter: &NoReporter, clock: &clock })
}

#[derive(Default)]
pub(crate) struct Frames(pub(crate) Mutex<Vec<Frame>>);

impl FrameSink for Frames {
    fn buffer(&self, capacity: usize) -> Result<Vec<u8>> {
        Ok(Vec::with_capacity(capacity.min(1 << 16)))
    }

    fn send(&self, frame: Frame) -> Result<()> {
        self.0.lock().unwrap().push(frame);
        Ok(())
    }
}

/// Dumps over two connections.
pub(crate) fn dump(engine: &dyn Engine, request: &DumpRequest) -> Result<Dump> {
    dump_while(engine, request, || {})
}

/// Dumps, and does something as soon as the view is open.
pub(crate) fn dump_while(
    engine: &dyn Engine,
    request: &DumpRequest,
    meanwhile: impl FnOnce(),
) -> Result<Dump> {
    controlled(|control| {
        let snapshot = engine.begin_snapshot(request, control)?;
        meanwhile();
        let (frames, objects) = (Frames::default(), Mutex::new(Vec::<ObjectReport>::new()));
        for section in Section::ALL {
            let units = snapshot.units().iter().filter(|unit| unit.section == section);
            let next = Mutex::new(units);
            let work = || -> Result<()> {
                loop {
                    let Some(unit) = next.lock().unwrap().next() else { return Ok(()) };
                    let report = snapshot.dump(unit, &frames, control)?;
                    let mut objects = objects.lock().unwrap();
                    let place =
                        objects.iter().position(|object| object.name == unit.object).unwrap_or_else(|| {
                            objects.push(ObjectReport::new(unit.kind.clone(), unit.object.clone()));
                            objects.len() - 1
                        });
                    let object = &mut objects[place];
                    *object.rows.get_or_insert(0) += report.rows;
                    if let Some(part) = report.fingerprint {
                        object.fingerprint.get_or_insert_default().merge(part);
                    }
                }
            };
            scope(|scope| {
                let count = snapshot.connections().min(2);
                let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
                first_cause(threads.into_iter().map(|thread| thread.join().unwrap()).collect())
            })?;
        }
        let start = snapshot.start().clone();
        snapshot.end(control)?;
        let mut frames = frames.0.into_inner().unwrap();
        frames.sort_by_key(|frame| frame.section);
        Ok(Dump { frames, objects: objects.into_inner().unwrap(), start })
    })
}

impl Dump {
    /// The archive, uncompressed, in the order in which frames came.
    pub(crate) fn script(&self) -> Vec<u8> {
        self.frames.iter().flat_map(|frame| frame.data.clone()).collect()
    }

    /// Its frames by name and part.
    pub(crate) fn sorted(&self) -> Vec<&Frame> {
        let mut frames: Vec<_> = self.frames.iter().collect();
        frames.sort_by_key(|frame| (frame.section, frame.object.clone(), frame.part));
        frames
    }

    pub(crate) fn request(&self, mode: LoadMode) -> LoadRequest {
        LoadRequest {
            mode,
            raw_bytes: Some(self.frames.iter().map(|frame| frame.data.len() as u64).sum()),
            attributes: self.start.attributes.clone(),
            objects: self.objects.clone(),
            check: true,
            ..LoadRequest::default()
        }
    }

    /// The rows of a table.
    pub(crate) fn rows(&self, table: &str) -> Option<u64> {
        let name = ObjectName::new(table);
        self.objects.iter().find(|object| object.name == name).and_then(|object| object.rows)
    }
}

/// Loads a dump frame by frame, two at once, and commits it.
pub(crate) fn load(
    engine: &dyn Engine,
    dump: &Dump,
    request: &LoadRequest,
) -> Result<(LoadReport, Vec<String>)> {
    controlled(|control| {
        let plan = engine.plan_load(request, control)?;
        let mut load = engine.begin_load(&plan, control)?;
        let mut offset = 0;
        let mut pieces = Vec::new();
        for frame in &dump.frames {
            let needed = plan.needs.as_ref().is_none_or(|needs| needs.contains(&frame.object));
            if needed || matches!(frame.section, Section::Header | Section::Trailer) {
                pieces.push(Piece {
                    raw_offset: offset,
                    section: Some(frame.section),
                    object: Some(&frame.object),
                    data: &frame.data,
                });
            }
            offset += frame.data.len() as u64;
        }
        for section in Section::ALL {
            let next = Mutex::new(pieces.iter().filter(|piece| piece.section == Some(section)));
            let loading = &*load;
            let work = || -> Result<()> {
                loop {
                    let Some(piece) = next.lock().unwrap().next() else { return Ok(()) };
                    loading.load(piece, control)?;
                }
            };
            scope(|scope| {
                let threads = loading.connections().min(2);
                let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                first_cause(threads.into_iter().map(|thread| thread.join().unwrap()).collect())
            })?;
        }
        let report = load.finish(control)?;
        Ok((report, load.commit()?))
    })
}

/// Rows and fingerprint of each table.
pub(crate) fn fingerprints(engine: &dyn Engine) -> Vec<ObjectReport> {
    controlled(|control| engine.fingerprint(&Selection::default(), control)).unwrap()
}

/// Of the errors of several threads, the one that made the others happen.
fn first_cause(results: Vec<Result<()>>) -> Result<()> {
    let mut errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    errors.sort_by_key(|error| error.kind() == ErrorKind::Cancelled || error.advice().is_none());
    errors.into_iter().next().map_or(Ok(()), Err)
}
