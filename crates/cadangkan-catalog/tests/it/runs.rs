use std::time::Duration;

use cadangkan_catalog::{
    Catalog, NewRun, RunError, RunFilter, RunKind, RunProgress, RunStatus, StoredProgress,
};
use cadangkan_core::{
    BackupId, Error, ErrorKind, Level, Name, Progress, RunId, StorageProgress, Ticket, Timestamp,
};
use serde_json::{Value, json};

use crate::support::{HOSTILE, at, catalog, name};

fn begin(catalog: &Catalog, kind: RunKind, database: Option<&Name>, started_at: Timestamp) -> RunId {
    let run = NewRun {
        kind,
        database,
        trigger: "manual",
        initiator: "cli:root@host",
        ticket: None,
        options: &Value::Null,
        started_at,
        holder: "1@host",
    };
    catalog.begin_run(&run).unwrap()
}

#[test]
fn a_run_is_kept_from_its_begin_to_its_end() {
    let (_place, catalog) = catalog();
    let shop = name("shop");
    let id = begin(&catalog, RunKind::Backup, Some(&shop), at(0));
    let run = catalog.run(id).unwrap().unwrap();
    assert_eq!((run.status, run.started_at, run.finished_at), (RunStatus::Running, at(0), None));
    assert_eq!((run.database.as_deref(), run.kind, run.progress), (Some("shop"), RunKind::Backup, None));
    assert_eq!(run.ticket, None);
    let progress = Progress { bytes: 5, total_bytes: Some(u64::MAX), objects: 1, total_objects: None };
    let took = Duration::from_millis(1500);
    let storages = vec![StoredProgress::from(&StorageProgress { storage: &shop, bytes: 3, took })];
    assert_eq!(storages[0].seconds, 1.5);
    let progress = RunProgress { storages, ..RunProgress::from(&progress) };
    catalog.set_progress(id, &progress).unwrap();
    let backup = BackupId::new(at(0)).next();
    catalog.finish_run(id, at(-60), RunStatus::Completed, Some(backup), None).unwrap();
    let run = catalog.run(id).unwrap().unwrap();
    assert_eq!((run.status, run.finished_at), (RunStatus::Completed, Some(at(-60))));
    assert_eq!((run.backup_id, run.progress), (Some(backup), Some(progress)));
    assert_eq!(run.error, None);
}

#[test]
fn only_a_running_run_changes() {
    let (_place, catalog) = catalog();
    let id = begin(&catalog, RunKind::Cleanup, None, at(0));
    let error = RunError::from(
        &Error::io("cannot write", std::io::Error::from(std::io::ErrorKind::StorageFull)).hint("free space"),
    );
    let finish = |id, status| catalog.finish_run(id, at(1), status, None, Some(&error));
    assert_eq!(finish(id, RunStatus::Running).unwrap_err().kind(), ErrorKind::Internal);
    finish(id, RunStatus::Failed).unwrap();
    assert_eq!(finish(id, RunStatus::Completed).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(catalog.set_progress(id, &RunProgress::default()).unwrap_err().kind(), ErrorKind::Conflict);
    let kept = catalog.run(id).unwrap().unwrap();
    assert_eq!((kept.status, kept.error.as_ref()), (RunStatus::Failed, Some(&error)));
    assert_eq!((&*error.code, error.hint.as_deref()), ("no_space", Some("free space")));
    assert_eq!(error.chain, ["cannot write", "no storage space"]);
    let nobody = RunId(id.0 + 1);
    assert_eq!(finish(nobody, RunStatus::Failed).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(
        catalog.set_progress(nobody, &RunProgress::default()).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(catalog.log(nobody, at(0), Level::Info, "", None).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(catalog.run(nobody).unwrap().is_none());
}

#[test]
fn runs_are_in_the_order_in_which_they_began_whatever_the_clock_says() {
    let (_place, catalog) = catalog();
    let (shop, blog) = (name("shop"), name("blog"));
    let first = begin(&catalog, RunKind::Backup, Some(&shop), at(100));
    let second = begin(&catalog, RunKind::Verify, Some(&blog), at(50));
    let third = begin(&catalog, RunKind::Backup, Some(&shop), at(-100));
    let fourth = begin(&catalog, RunKind::Adopt, None, at(0));
    catalog.finish_run(first, at(0), RunStatus::Completed, None, None).unwrap();
    let ids = |filter: &RunFilter| -> Vec<RunId> {
        catalog.runs(filter).unwrap().iter().map(|run| run.id).collect()
    };
    let all = RunFilter::default();
    assert_eq!(ids(&all), [fourth, third, second, first]);
    assert_eq!(ids(&RunFilter { limit: Some(2), ..all.clone() }), [fourth, third]);
    assert_eq!(ids(&RunFilter { database: Some(shop.clone()), ..all.clone() }), [third, first]);
    assert_eq!(ids(&RunFilter { kind: Some(RunKind::Verify), ..all.clone() }), [second]);
    let completed = RunFilter { database: Some(shop.clone()), status: Some(RunStatus::Completed), ..all };
    assert_eq!(ids(&completed), [first]);
    let running =
        |database| -> Vec<RunId> { catalog.running(database).unwrap().iter().map(|run| run.id).collect() };
    assert_eq!(running(None), [fourth, third, second]);
    assert_eq!(running(Some(&shop)), [third]);
    assert!(running(Some(&name("nothing"))).is_empty());
}

#[test]
fn the_log_keeps_its_order_and_every_text() {
    let (_place, catalog) = catalog();
    let (id, other) =
        (begin(&catalog, RunKind::Backup, None, at(0)), begin(&catalog, RunKind::Backup, None, at(0)));
    let levels = [Level::Debug, Level::Info, Level::Warning, Level::Error];
    for ((second, text), level) in (0..).zip(HOSTILE).zip(levels.into_iter().cycle()) {
        catalog.log(id, at(-second), level, text, Some(&json!({ "text": text }))).unwrap();
        catalog.log(other, at(second), level, "other", None).unwrap();
    }
    catalog.finish_run(id, at(0), RunStatus::Cancelled, None, None).unwrap();
    catalog.log(id, at(0), Level::Info, "after the end", None).unwrap();
    let lines = catalog.run_log(id).unwrap();
    assert_eq!(lines.len(), HOSTILE.len() + 1);
    for (((second, text), level), line) in (0..).zip(HOSTILE).zip(levels.into_iter().cycle()).zip(&lines) {
        assert_eq!((line.at, line.level, &*line.message), (at(-second), level, text));
        assert_eq!(line.detail, Some(json!({ "text": text })));
    }
    assert_eq!(lines.last().unwrap().detail, None);
    assert!(catalog.run_log(RunId(-1)).unwrap().is_empty());
}

#[test]
fn every_text_of_a_run_is_kept_as_it_was() {
    let (_place, catalog) = catalog();
    let ticket = Ticket::new("OPS-7").unwrap();
    for text in HOSTILE {
        let options = json!({ text: [text] });
        let run = NewRun {
            kind: RunKind::Restore,
            database: None,
            trigger: text,
            initiator: text,
            ticket: Some(&ticket),
            options: &options,
            started_at: at(0),
            holder: text,
        };
        let id = catalog.begin_run(&run).unwrap();
        let error = RunError {
            code: text.into(),
            message: text.into(),
            chain: vec![text.into()],
            hint: Some(text.into()),
        };
        catalog.finish_run(id, at(0), RunStatus::Failed, None, Some(&error)).unwrap();
        let kept = catalog.run(id).unwrap().unwrap();
        assert_eq!((&*kept.trigger, &*kept.initiator, &*kept.holder), (text, text, text));
        assert_eq!((kept.options, kept.error), (options, Some(error)));
        assert_eq!(kept.ticket.as_deref(), Some("OPS-7"));
    }
    assert_eq!(catalog.runs(&RunFilter::default()).unwrap().len(), HOSTILE.len());
}

#[test]
fn every_kind_and_status_survives() {
    let (_place, catalog) = catalog();
    for kind in RunKind::ALL {
        for status in RunStatus::ALL.iter().filter(|status| **status != RunStatus::Running) {
            let id = begin(&catalog, *kind, None, at(0));
            catalog.finish_run(id, at(0), *status, None, None).unwrap();
            let run = catalog.run(id).unwrap().unwrap();
            assert_eq!((run.kind, run.status), (*kind, *status));
            assert_eq!(kind.as_str().parse::<RunKind>().unwrap(), *kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
    let error = "Backup".parse::<RunKind>().unwrap_err();
    assert!(error.advice().unwrap().contains("backup, restore"), "{error:?}");
}

#[test]
fn runs_are_counted_by_how_they_stand_and_some_may_be_left_out() {
    let (_place, catalog) = catalog();
    let shop = name("shop");
    for (second, status) in [
        (0, RunStatus::Completed),
        (10, RunStatus::Failed),
        (20, RunStatus::Completed),
        (30, RunStatus::Cancelled),
    ] {
        let id = begin(&catalog, RunKind::Backup, Some(&shop), at(second));
        catalog.finish_run(id, at(second + 1), status, None, None).unwrap();
    }
    begin(&catalog, RunKind::Backup, Some(&shop), at(40));
    let other = begin(&catalog, RunKind::Backup, Some(&name("other")), at(50));
    catalog.finish_run(other, at(51), RunStatus::Failed, None, None).unwrap();
    let tried = RunFilter {
        database: Some(shop),
        without: &[RunStatus::Running, RunStatus::Cancelled],
        since: Some(at(10)),
        ..RunFilter::default()
    };
    let mut counts = catalog.count_by_status(&tried).unwrap();
    counts.sort_by_key(|(status, _)| status.as_str());
    assert_eq!(counts, [(RunStatus::Completed, 1), (RunStatus::Failed, 1)]);
    let last = catalog.runs(&RunFilter { limit: Some(1), ..tried }).unwrap();
    assert_eq!((last[0].started_at, last[0].status), (at(20), RunStatus::Completed));
}
