//! Checks of restoring.

use cadangkan_core::{ErrorKind, ObjectKind, Pattern, Selection};

use super::Subject;
use super::harness::{
    Dump, assert_no_leftovers, controlled, dump, fingerprints, fingerprints_of, load_frames, restore,
    with_hint,
};
use crate::{Engine, LoadMode, LoadRequest, Piece};

fn dumped(subject: &dyn Subject) -> Dump {
    dump(&*subject.source(), || {})
}

pub(super) fn round_trip_gives_equal_rows(subject: &dyn Subject) {
    let (source, dumped, target) = (subject.source(), dumped(subject), subject.empty_target());
    let report = restore(&*target, &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
    assert_eq!(fingerprints(&*target), fingerprints(&*source));
    assert!(report.tables > 0);
    let image = dumped.units.iter().find(|(unit, _)| unit.kind == ObjectKind::IMAGE);
    assert_eq!(report.image, image.and_then(|(_, report)| report.fingerprint));
    assert_no_leftovers(&*target);
}

pub(super) fn pieces_without_index_load(subject: &dyn Subject) {
    let (source, dumped, target) = (subject.source(), dumped(subject), subject.empty_target());
    let raw: Vec<u8> = dumped.frames.iter().flat_map(|frame| frame.data.iter().copied()).collect();
    controlled(|control, _| {
        // What a file alone tells: nothing but its bytes.
        let request = LoadRequest { check: true, ..LoadRequest::default() };
        let plan = target.plan_load(&request, control).unwrap();
        let mut load = target.begin_load(&plan, control).unwrap();
        for (number, data) in raw.chunks(10_007).enumerate() {
            let piece = Piece { raw_offset: number as u64 * 10_007, section: None, object: None, data };
            load.load(&piece, control).unwrap();
        }
        load.finish(control).unwrap();
        load.commit().unwrap();
    });
    assert_eq!(fingerprints(&*target), fingerprints(&*source));
}

pub(super) fn fresh_refuses_what_is_not_empty(subject: &dyn Subject) {
    let (dumped, target) = (dumped(subject), subject.empty_target());
    restore(&*target, &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
    let before = fingerprints(&*target);
    let error = with_hint(restore(&*target, &dumped, &dumped.request(LoadMode::Fresh)).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(fingerprints(&*target), before);
    assert_no_leftovers(&*target);
}

pub(super) fn replace_keeps_the_old(subject: &dyn Subject) {
    let source = subject.source();
    let target = subject.empty_target();
    let old = dumped(subject);
    restore(&*target, &old, &old.request(LoadMode::Fresh)).unwrap();
    subject.change();
    let new = dumped(subject);
    let request = new.request(LoadMode::Replace);
    if !target.descriptor().capabilities.replace {
        let refused = controlled(|control, _| target.plan_load(&request, control).map(|_| ()));
        assert_eq!(with_hint(refused.unwrap_err()).kind(), ErrorKind::Unsupported);
        return;
    }
    let plan = controlled(|control, _| target.plan_load(&request, control)).unwrap();
    assert!(plan.destructive && plan.present.is_some(), "a plan says what it replaces");
    restore(&*target, &new, &request).unwrap();
    assert_eq!(fingerprints(&*target), fingerprints(&*source));
    controlled(|control, _| {
        let kept = target.leftovers(control).unwrap();
        assert_eq!(kept.len(), 1, "the old content is kept and named: {kept:?}");
        target.discard(&kept[0]).unwrap();
        target.discard(&kept[0]).unwrap();
    });
    assert_no_leftovers(&*target);
    let drop_old = LoadRequest { drop_old: true, ..request };
    restore(&*target, &new, &drop_old).unwrap();
    assert_no_leftovers(&*target);
}

pub(super) fn selection_restores_its_tables(subject: &dyn Subject) {
    let (source, dumped, target) = (subject.source(), dumped(subject), subject.empty_target());
    let tables = dumped.objects();
    let table =
        tables.iter().find(|object| object.kind == ObjectKind::TABLE && object.rows > Some(0)).unwrap();
    let named = |name: &str| Selection { tables: vec![Pattern(name.into())], ..Selection::default() };
    let selection = named(&table.name.name);
    let request = LoadRequest { selection: selection.clone(), ..dumped.request(LoadMode::Fresh) };
    if !target.descriptor().capabilities.load_selection {
        let refused = controlled(|control, _| target.plan_load(&request, control).map(|_| ()));
        assert_eq!(with_hint(refused.unwrap_err()).kind(), ErrorKind::Unsupported);
        return;
    }
    let unknown = LoadRequest { selection: named("no_such_table"), ..request.clone() };
    assert_eq!(with_hint(restore(&*target, &dumped, &unknown).unwrap_err()).kind(), ErrorKind::NotFound);
    assert_no_leftovers(&*target);
    restore(&*target, &dumped, &request).unwrap();
    assert_eq!(fingerprints(&*target), fingerprints_of(&*source, &selection));
}

/// Loads everything, then leaves the load to `end`, and makes sure that the target is as before.
fn leaves_nothing(subject: &dyn Subject, finish: bool, end: fn(Box<dyn crate::Load>)) {
    let (dumped, target) = (dumped(subject), subject.empty_target());
    controlled(|control, _| {
        let plan = target.plan_load(&dumped.request(LoadMode::Fresh), control).unwrap();
        let mut load = target.begin_load(&plan, control).unwrap();
        load_frames(&*load, &dumped, plan.needs.as_deref(), control).unwrap();
        if finish {
            load.finish(control).unwrap();
        }
        end(load);
    });
    assert_no_leftovers(&*target);
    is_still_empty(&*target, &dumped);
}

/// An empty target is one that takes a fresh restore.
fn is_still_empty(target: &dyn Engine, dumped: &Dump) {
    controlled(|control, _| {
        let plan = target.plan_load(&dumped.request(LoadMode::Fresh), control).unwrap();
        assert!(!plan.destructive);
    });
}

pub(super) fn aborted_load_leaves_nothing(subject: &dyn Subject) {
    leaves_nothing(subject, false, |load| load.abort().unwrap());
    leaves_nothing(subject, true, |load| load.abort().unwrap());
}

pub(super) fn dropped_load_leaves_nothing(subject: &dyn Subject) {
    leaves_nothing(subject, false, drop);
    leaves_nothing(subject, true, drop);
}

pub(super) fn cancelled_load_stops(subject: &dyn Subject) {
    let (dumped, target) = (dumped(subject), subject.empty_target());
    controlled(|control, cancel| {
        let plan = target.plan_load(&dumped.request(LoadMode::Fresh), control).unwrap();
        let load = target.begin_load(&plan, control).unwrap();
        cancel.cancel();
        let error = load_frames(&*load, &dumped, plan.needs.as_deref(), control).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        load.abort().unwrap();
    });
    assert_no_leftovers(&*target);
    is_still_empty(&*target, &dumped);
}

pub(super) fn missing_pieces_are_refused(subject: &dyn Subject) {
    let (mut dumped, target) = (dumped(subject), subject.empty_target());
    let request = dumped.request(LoadMode::Fresh);
    let longest = (0..dumped.frames.len()).max_by_key(|place| dumped.frames[*place].rows).unwrap();
    dumped.frames.remove(longest);
    let error = with_hint(restore(&*target, &dumped, &request).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::DamagedBackup);
    assert_no_leftovers(&*target);
}
