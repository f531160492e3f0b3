//! Checks of looking at a database and of dumping it.

use cadangkan_core::{Cancel, Error, ErrorKind, Frame, Pattern, Result, Selection};

use super::Subject;
use super::harness::{Frames, controlled, dump, dump_alone, everything, fingerprints, restore, with_hint};
use crate::{DumpRequest, FrameSink, LoadMode};

pub(super) fn probe_says_what_is_there(subject: &dyn Subject) {
    let engine = subject.source();
    let info = controlled(|control, _| engine.probe(control)).unwrap();
    assert!(!info.version.is_empty());
    assert!(!engine.location().database.is_empty());
    let again = controlled(|control, _| engine.probe(control)).unwrap();
    assert_eq!(info, again, "a probe changes nothing");
}

pub(super) fn plan_says_what_a_dump_takes(subject: &dyn Subject) {
    let engine = subject.source();
    let plan = controlled(|control, _| engine.plan_dump(&everything(), control)).unwrap();
    let dumped = dump(&*engine, || {});
    for object in &plan.objects {
        assert!(
            dumped.objects().iter().any(|dumped| dumped.name == object.name),
            "{} is missing",
            object.name
        );
    }
    assert!(!plan.objects.is_empty());
}

pub(super) fn unknown_names_are_refused(subject: &dyn Subject) {
    let engine = subject.source();
    let selection = Selection { tables: vec![Pattern("no_such_table".into())], ..Selection::default() };
    let request = DumpRequest { selection: selection.clone(), ..DumpRequest::default() };
    let expected = if engine.descriptor().capabilities.dump_selection {
        ErrorKind::NotFound
    } else {
        ErrorKind::Unsupported
    };
    controlled(|control, _| {
        assert_eq!(with_hint(engine.plan_dump(&request, control).unwrap_err()).kind(), expected);
        let begun = engine.begin_snapshot(&request, control).map(|_| ());
        assert_eq!(with_hint(begun.unwrap_err()).kind(), expected);
        let counted = engine.fingerprint(&selection, control);
        assert_eq!(with_hint(counted.unwrap_err()).kind(), ErrorKind::NotFound);
    });
}

pub(super) fn units_stand_in_order(subject: &dyn Subject) {
    let engine = subject.source();
    controlled(|control, _| {
        let snapshot = engine.begin_snapshot(&everything(), control).unwrap();
        assert!(snapshot.connections() >= 1);
        assert!(!snapshot.units().is_empty());
        for (place, unit) in snapshot.units().iter().enumerate() {
            assert_eq!(unit.number, place);
        }
        assert!(snapshot.units().is_sorted_by_key(|unit| unit.section));
    });
}

pub(super) fn frames_belong_to_their_unit(subject: &dyn Subject) {
    let engine = subject.source();
    controlled(|control, _| {
        let snapshot = engine.begin_snapshot(&everything(), control).unwrap();
        let mut parts = std::collections::BTreeSet::new();
        for unit in snapshot.units() {
            let frames = Frames::default();
            let report = snapshot.dump(unit, &frames, control).unwrap();
            let frames = frames.0.into_inner().unwrap();
            assert_eq!(frames.iter().map(|frame| frame.rows).sum::<u64>(), report.rows, "{}", unit.object);
            for frame in frames {
                assert_eq!((frame.section, &frame.object), (unit.section, &unit.object));
                assert!(!frame.data.is_empty(), "no frame is empty");
                let name = (frame.section, frame.object.to_string(), frame.part);
                assert!(parts.insert(name), "two parts with one number");
            }
        }
        let end = snapshot.end(control).unwrap();
        assert_eq!(end.check.is_some(), everything().check);
    });
}

pub(super) fn same_database_same_frames(subject: &dyn Subject) {
    let engine = subject.source();
    let (first, second) = (dump(&*engine, || {}), dump_alone(&*engine));
    assert!(first.frames == second.frames, "frames depend on content alone");
    assert_eq!(first.units, second.units);
    subject.change();
    let third = dump(&*engine, || {});
    assert!(first.frames != third.frames, "a change shows");
}

pub(super) fn snapshot_does_not_see_later_changes(subject: &dyn Subject) {
    let engine = subject.source();
    let before = fingerprints(&*engine);
    let dumped = dump(&*engine, || (0..3).for_each(|_| subject.change()));
    assert_ne!(fingerprints(&*engine), before, "the change was made");
    let target = subject.empty_target();
    restore(&*target, &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
    assert_eq!(fingerprints(&*target), before);
    for object in dumped.objects() {
        if let (Some(fingerprint), Some(expected)) =
            (object.fingerprint, before.get(&object.name.to_string()))
        {
            assert_eq!(fingerprint, *expected, "{}", object.name);
        }
    }
}

/// Stops the run as the first frame comes.
struct Stopping<'a>(&'a Cancel);

impl FrameSink for Stopping<'_> {
    fn buffer(&self, capacity: usize) -> Result<Vec<u8>> {
        Ok(Vec::with_capacity(capacity))
    }

    fn send(&self, _frame: Frame) -> Result<()> {
        self.0.cancel();
        Ok(())
    }
}

pub(super) fn cancelled_run_stops(subject: &dyn Subject) {
    let engine = subject.source();
    controlled(|control, cancel| {
        let snapshot = engine.begin_snapshot(&everything(), control).unwrap();
        let mut outcome = Ok(());
        for unit in snapshot.units() {
            outcome = outcome.and_then(|()| snapshot.dump(unit, &Stopping(cancel), control).map(|_| ()));
        }
        let outcome = outcome.and_then(|()| snapshot.end(control).map(|_| ()));
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(
            engine.fingerprint(&Selection::default(), control).unwrap_err().kind(),
            ErrorKind::Cancelled
        );
    });
}

/// Fails with the first frame.
struct Broken;

impl FrameSink for Broken {
    fn buffer(&self, capacity: usize) -> Result<Vec<u8>> {
        Ok(Vec::with_capacity(capacity))
    }

    fn send(&self, _frame: Frame) -> Result<()> {
        Err(Error::new(ErrorKind::NoSpace, "the storage is full"))
    }
}

pub(super) fn sink_error_ends_the_dump(subject: &dyn Subject) {
    let engine = subject.source();
    controlled(|control, _| {
        let snapshot = engine.begin_snapshot(&everything(), control).unwrap();
        let failed = snapshot.units().iter().find_map(|unit| snapshot.dump(unit, &Broken, control).err());
        assert_eq!(failed.unwrap().kind(), ErrorKind::NoSpace);
    });
}
