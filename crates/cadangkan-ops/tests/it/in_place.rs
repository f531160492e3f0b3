//! Restores that change what a server holds, and scripts that no backup of ours wrote.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use cadangkan_archive::{CodecKind, Trigger};
use cadangkan_core::{Error, ErrorKind, Event, NoReporter, Pattern, Reporter, Result, Selection};
use cadangkan_engine::{DumpRequest, LoadMode, LoadOptions};
use cadangkan_ops::backup::{BackupRequest, backup};
use cadangkan_ops::restore::{
    RestorePlan, RestoreReport, RestoreRequest, Safety, TARGET_FACT, Target, plan, restore,
};
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_ops::{Database, Place};
use cadangkan_testkit::fake_engine::FakeServer;

use crate::servers::{Farm, content};
use crate::support::{failure, request};

const IN_PLACE: [LoadMode; 3] = [LoadMode::Clean, LoadMode::Recreate, LoadMode::Data];

/// Remembers the steps of a run.
#[derive(Default)]
struct Steps(Mutex<Vec<String>>);

impl Reporter for Steps {
    fn report(&self, event: &Event<'_>) {
        if let Event::Step { name } = event {
            self.0.lock().unwrap().push((*name).to_owned());
        }
    }
}

impl Steps {
    fn has(&self, step: &str) -> bool {
        self.0.lock().unwrap().iter().any(|seen| seen == step)
    }
}

/// Restores the newest backup into a server that is configured as `farm`.
fn restore_into(
    farm: &Farm,
    into: &FakeServer,
    request: &RestoreRequest,
    reporter: &dyn Reporter,
) -> Result<(RestorePlan, Result<RestoreReport>)> {
    let locks = farm.folder.path().join("locks");
    let context = farm.context(&locks, reporter);
    let places = [Place { name: &farm.name, storage: &farm.storage }];
    let source = Source::stored(&context, &farm.name, Wanted::Newest, &places)?;
    let engine = into.engine();
    let target = Target { name: Some(&farm.name), engine: engine.as_ref() };
    let plan = plan(&context, &source, target, request)?;
    let how = BackupRequest { trigger: Trigger::Safety, ..crate::support::request() };
    let safety = Safety { places: &places, request: how, one_of: None };
    let report = restore(&context, &source, target, &plan, Some(safety), Duration::ZERO);
    Ok((plan, report))
}

/// Flips a byte in the middle of every archive.
fn damage(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    let mut damaged = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "zst") {
                let mut bytes = std::fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(path, bytes).unwrap();
                damaged += 1;
            }
        }
    }
    assert!(damaged > 0);
}

fn state(error: &Error) -> Option<&str> {
    error.facts().iter().find(|(key, _)| *key == TARGET_FACT).map(|(_, value)| value.as_str())
}

fn with_damage(request: &RestoreRequest) -> (Error, Steps, bool) {
    let farm = Farm::new(20_000);
    farm.back_up(&NoReporter).unwrap();
    damage(&farm.folder.path().join("backups"));
    let into = FakeServer::new();
    into.fill(2, 10);
    let before = content(&into);
    let steps = Steps::default();
    let (_, report) = restore_into(&farm, &into, request, &steps).unwrap();
    let error = failure(report);
    assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{error:?}");
    (error, steps, content(&into) == before)
}

#[test]
fn damage_is_found_before_anything_is_changed() {
    for mode in IN_PLACE {
        let (error, steps, same) = with_damage(&RestoreRequest { mode, ..RestoreRequest::default() });
        assert!(steps.has("check the archive") && !steps.has("begin load"), "{mode:?}");
        assert_eq!(state(&error), None, "{mode:?}: the target is as it was");
        assert!(same);
    }
    // What is made beside the target needs no reading twice.
    let request = RestoreRequest { mode: LoadMode::Replace, ..RestoreRequest::default() };
    let (error, steps, _) = with_damage(&request);
    assert!(!steps.has("check the archive") && steps.has("begin load"));
    assert_eq!(state(&error), None);
}

#[test]
fn a_failure_says_what_state_the_target_is_in() {
    for mode in IN_PLACE {
        let trusting = RestoreRequest { mode, skip_verify: true, ..RestoreRequest::default() };
        let (error, steps, _) = with_damage(&trusting);
        assert!(!steps.has("check the archive") && steps.has("begin load"), "{mode:?}");
        assert_eq!(state(&error), Some("it is incomplete: restore again"), "{mode:?}");
        let one = LoadOptions { single_transaction: true, ..LoadOptions::default() };
        let (error, _, _) = with_damage(&RestoreRequest { options: one, ..trusting });
        // What was dropped does not come back with a transaction.
        assert_eq!(state(&error).is_some(), mode == LoadMode::Recreate, "{mode:?}");
    }
}

#[test]
fn the_safety_backup_is_named_when_it_is_needed() {
    let request = RestoreRequest {
        mode: LoadMode::Recreate,
        backup_first: true,
        skip_verify: true,
        ..RestoreRequest::default()
    };
    let (error, steps, _) = with_damage(&request);
    assert!(steps.has("commit"), "of the safety backup");
    let state = state(&error).unwrap();
    assert!(state.starts_with("it is incomplete: restore again, or restore the safety backup 20"), "{state}");
}

#[test]
fn a_safety_backup_needs_something_to_save_and_a_name() {
    let farm = Farm::new(100);
    farm.back_up(&NoReporter).unwrap();
    let request = RestoreRequest { backup_first: true, ..RestoreRequest::default() };
    let (plan_of_empty, report) = restore_into(&farm, &FakeServer::new(), &request, &NoReporter).unwrap();
    assert!(!plan_of_empty.backup_first && report.unwrap().safety.is_none());
    let locks = farm.folder.path().join("locks");
    let context = farm.context(&locks, &NoReporter);
    let places = [Place { name: &farm.name, storage: &farm.storage }];
    let source = Source::stored(&context, &farm.name, Wanted::Newest, &places).unwrap();
    let nameless = Target { name: None, engine: farm.engine.as_ref() };
    let error = plan(&context, &source, nameless, &request).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn a_backup_of_a_selection_is_no_full_copy() {
    let farm = Farm::new(100);
    let locks = farm.folder.path().join("locks");
    let context = farm.context(&locks, &NoReporter);
    let selection = Selection { tables: vec![Pattern("shop_*".into())], ..Selection::default() };
    let dump = DumpRequest { selection: selection.clone(), ..DumpRequest::default() };
    let database = Database { name: &farm.name, engine: farm.engine.as_ref(), one_of: None };
    let places = [Place { name: &farm.name, storage: &farm.storage }];
    let asked = BackupRequest { dump, ..request() };
    let planned = cadangkan_ops::backup::plan(&context, database, &places, &asked).unwrap();
    assert_eq!(planned.selection, selection);
    let manifest = backup(&context, database, &places, &asked).unwrap().manifest;
    assert_eq!(manifest.selection, selection);
    assert!(!manifest.objects.iter().any(|object| object.name.name.starts_with("wiki_")));
    let replace = RestoreRequest { mode: LoadMode::Replace, ..RestoreRequest::default() };
    let (plan, _) = restore_into(&farm, &farm.server, &replace, &NoReporter).unwrap();
    assert!(
        plan.load.warnings.iter().any(|text| text.contains("holds a selection only")),
        "{:?}",
        plan.load.warnings
    );
}

#[test]
fn foreign_scripts_reach_the_engine_plain_or_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("foreign.sql");
    std::fs::write(&script, "CREATE shop a\nINSERT shop a\n6869\nEND\n").unwrap();
    let packed = folder.path().join("foreign.sql.gz");
    let gzip = Command::new("gzip").arg("-c").arg(&script).output().unwrap();
    assert!(gzip.status.success());
    std::fs::write(&packed, gzip.stdout).unwrap();
    let farm = Farm::new(1);
    let locks = farm.folder.path().join("locks");
    let context = farm.context(&locks, &NoReporter);
    for (path, codec) in [(script, CodecKind::None), (packed, CodecKind::Gzip)] {
        let source = Source::file(&path, &context).unwrap();
        assert!(source.manifest().is_none() && source.codec() == codec);
        assert!(source.peek(4096).unwrap().starts_with(b"CREATE shop a\n"));
        let into = FakeServer::new();
        let engine = into.engine();
        let target = Target { name: None, engine: engine.as_ref() };
        let request = RestoreRequest { mode: LoadMode::Data, ..RestoreRequest::default() };
        let plan = plan(&context, &source, target, &request).unwrap();
        restore(&context, &source, target, &plan, None, Duration::ZERO).unwrap();
        assert_eq!(content(&into)["shop"]["a"], [b"hi".to_vec()]);
    }
    // A custom-format dump is no codec of ours: its bytes come as they are.
    let custom = folder.path().join("foreign.dump");
    std::fs::write(&custom, b"PGDMP\x01\x0e\x00\x04\x08\x01").unwrap();
    let source = Source::file(&custom, &context).unwrap();
    assert_eq!((source.codec(), source.peek(5).unwrap()), (CodecKind::None, b"PGDMP".to_vec()));
}
