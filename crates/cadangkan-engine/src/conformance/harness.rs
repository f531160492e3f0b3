//! Plain runs of dumps and loads, as the runner would do them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use cadangkan_core::{
    Cancel, Clock, Control, Error, Fingerprint, Frame, NoReporter, ObjectReport, Result, Section, Selection,
    Timestamp,
};

use crate::{
    DumpRequest, Engine, FrameSink, Load, LoadMode, LoadReport, LoadRequest, Piece, Snapshot, SnapshotEnd,
    Unit, UnitReport,
};

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// Runs `work` with a control and what stops it.
pub(super) fn controlled<T>(work: impl FnOnce(&Control<'_>, &Cancel) -> T) -> T {
    let cancel = Cancel::default();
    work(&Control { cancel: &cancel, reporter: &NoReporter, clock: &StandingClock }, &cancel)
}

/// Keeps all frames.
#[derive(Default)]
pub(super) struct Frames(pub(super) Mutex<Vec<Frame>>);

impl FrameSink for Frames {
    fn buffer(&self, capacity: usize) -> Result<Vec<u8>> {
        Ok(Vec::with_capacity(capacity))
    }

    fn send(&self, frame: Frame) -> Result<()> {
        self.0.lock().unwrap().push(frame);
        Ok(())
    }
}

/// A whole dump.
pub(super) struct Dump {
    pub(super) frames: Vec<Frame>,
    pub(super) units: Vec<(Unit, UnitReport)>,
    pub(super) end: SnapshotEnd,
    pub(super) attributes: serde_json::Map<String, serde_json::Value>,
}

impl Dump {
    pub(super) fn raw_bytes(&self) -> u64 {
        self.frames.iter().map(|frame| frame.data.len() as u64).sum()
    }

    /// The objects as a manifest would list them: those with frames, added up, then those inside.
    pub(super) fn objects(&self) -> Vec<ObjectReport> {
        let mut objects: Vec<ObjectReport> = Vec::new();
        for (unit, report) in &self.units {
            let known =
                objects.iter_mut().find(|object| object.name == unit.object && object.kind == unit.kind);
            match known {
                Some(object) => {
                    object.rows = object.rows.map(|rows| rows + report.rows);
                    if let (Some(sum), Some(more)) = (object.fingerprint.as_mut(), report.fingerprint) {
                        sum.merge(more);
                    }
                }
                None => {
                    let mut object = ObjectReport::new(unit.kind.clone(), unit.object.clone());
                    object.rows = Some(report.rows);
                    object.fingerprint = report.fingerprint;
                    objects.push(object);
                }
            }
        }
        objects.extend(self.end.objects.iter().cloned());
        objects
    }

    pub(super) fn request(&self, mode: LoadMode) -> LoadRequest {
        LoadRequest {
            mode,
            raw_bytes: Some(self.raw_bytes()),
            attributes: self.attributes.clone(),
            objects: self.objects(),
            check: true,
            ..LoadRequest::default()
        }
    }
}

pub(super) fn everything() -> DumpRequest {
    DumpRequest { check: true, fingerprints: true, ..DumpRequest::default() }
}

/// Dumps with as many threads as the engine allows, at most 3; frames are put in order by section and object.
pub(super) fn dump(engine: &dyn Engine, meanwhile: impl FnOnce()) -> Dump {
    controlled(|control, _| {
        let snapshot = engine.begin_snapshot(&everything(), control).expect("a snapshot begins");
        meanwhile();
        let threads = snapshot.connections().clamp(1, 3);
        dump_units(snapshot, threads, control)
    })
}

/// Dumps with one thread.
pub(super) fn dump_alone(engine: &dyn Engine) -> Dump {
    controlled(|control, _| {
        let snapshot = engine.begin_snapshot(&everything(), control).expect("a snapshot begins");
        dump_units(snapshot, 1, control)
    })
}

fn dump_units(snapshot: Box<dyn Snapshot>, threads: usize, control: &Control<'_>) -> Dump {
    let frames = Frames::default();
    let reports = Mutex::new(Vec::new());
    for section in Section::ALL {
        let of_section: Vec<&Unit> = snapshot.units().iter().filter(|unit| unit.section == section).collect();
        let next = Mutex::new(of_section.into_iter());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let Some(unit) = next.lock().unwrap().next() else { break };
                        let report = snapshot.dump(unit, &frames, control).expect("a unit is dumped");
                        reports.lock().unwrap().push((unit.clone(), report));
                    }
                });
            }
        });
    }
    let attributes = snapshot.start().attributes.clone();
    let end = snapshot.end(control).expect("a snapshot ends well");
    let mut units = reports.into_inner().unwrap();
    units.sort_by_key(|(unit, _)| unit.number);
    let mut frames = frames.0.into_inner().unwrap();
    frames.sort_by(|a, b| (a.section, &a.object, a.part).cmp(&(b.section, &b.object, b.part)));
    Dump { frames, units, end, attributes }
}

/// Loads the frames that are needed, section by section, with as many threads as the load allows, at most 3.
pub(super) fn load_frames(
    load: &dyn Load,
    dump: &Dump,
    needs: Option<&[cadangkan_core::ObjectName]>,
    control: &Control<'_>,
) -> Result<()> {
    let mut offset = 0;
    let mut pieces = Vec::new();
    for frame in &dump.frames {
        let piece = Piece {
            raw_offset: offset,
            section: Some(frame.section),
            object: Some(&frame.object),
            data: &frame.data,
        };
        if needs.is_none_or(|needs| needs.contains(&frame.object)) {
            pieces.push(piece);
        }
        offset += frame.data.len() as u64;
    }
    for section in Section::in_order(load.definitions_first()) {
        let of_section: Vec<_> = pieces.iter().filter(|piece| piece.section == Some(section)).collect();
        let next = Mutex::new(of_section.into_iter());
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..load.connections().clamp(1, 3) {
                scope.spawn(|| {
                    loop {
                        let Some(piece) = next.lock().unwrap().next() else { break };
                        if let Err(error) = load.load(piece, control) {
                            *failed.lock().unwrap() = Some(error);
                        }
                    }
                });
            }
        });
        if let Some(error) = failed.into_inner().unwrap() {
            return Err(error);
        }
    }
    Ok(())
}

/// Restores a dump; returns the report.
pub(super) fn restore(engine: &dyn Engine, dump: &Dump, request: &LoadRequest) -> Result<LoadReport> {
    controlled(|control, _| {
        let plan = engine.plan_load(request, control)?;
        assert!(!plan.steps.is_empty(), "a plan says what it will do");
        let mut load = engine.begin_load(&plan, control)?;
        load_frames(&*load, dump, plan.needs.as_deref(), control)?;
        let report = load.finish(control)?;
        load.commit()?;
        Ok(report)
    })
}

/// The fingerprint of each table that has one.
pub(super) fn fingerprints(engine: &dyn Engine) -> BTreeMap<String, Fingerprint> {
    fingerprints_of(engine, &Selection::default())
}

pub(super) fn fingerprints_of(engine: &dyn Engine, selection: &Selection) -> BTreeMap<String, Fingerprint> {
    let reports =
        controlled(|control, _| engine.fingerprint(selection, control)).expect("rows are fingerprinted");
    let with = reports.into_iter().filter_map(|report| Some((report.name.to_string(), report.fingerprint?)));
    with.collect()
}

pub(super) fn assert_no_leftovers(engine: &dyn Engine) {
    let leftovers = controlled(|control, _| engine.leftovers(control)).expect("leftovers are listed");
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

/// Makes sure that an error tells what to do.
pub(super) fn with_hint(error: Error) -> Error {
    assert!(error.advice().is_some(), "an error without a hint: {error:?}");
    error
}
