//! The process is killed (SIGKILL) as each step begins: nothing that looks good is bad, nothing old is lost.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};

use cadangkan_catalog::{RunFilter, RunStatus};
use cadangkan_core::{Event, Name, Reporter};
use cadangkan_engine::LoadMode;
use cadangkan_ops::backup::backup;
use cadangkan_ops::cleanup;
use cadangkan_ops::restore::{RestoreRequest, Target, plan, restore};
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_ops::sync::{Goal, sync};
use cadangkan_ops::verify::VerifyLevel;
use cadangkan_ops::{Context, Place};
use cadangkan_storage::Local;

use crate::support::{World, engine, fingerprints, request};

const FOLDER: &str = "CADANGKAN_TEST_FOLDER";
const KILL_AT: &str = "CADANGKAN_TEST_KILL_AT";

/// Kills this process at the n-th of the events that count, from 0 on.
struct KillAt {
    counts: fn(&Event<'_>) -> bool,
    step: usize,
    seen: AtomicUsize,
}

impl Reporter for KillAt {
    fn report(&self, event: &Event<'_>) {
        if (self.counts)(event) && self.seen.fetch_add(1, Ordering::SeqCst) == self.step {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "how a test tells its own child what to do")]
fn told() -> Option<(PathBuf, KillAt)> {
    let folder = std::env::var_os(FOLDER)?;
    let step = std::env::var(KILL_AT).unwrap().parse().unwrap();
    let counts = |event: &Event<'_>| matches!(event, Event::Step { .. });
    Some((folder.into(), KillAt { counts, step, seen: AtomicUsize::new(0) }))
}

/// Runs one of the children below in a process of its own.
fn child(name: &str, folder: &Path, step: usize) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([name, "--exact", "--quiet", "--ignored"])
        .env(FOLDER, folder)
        .env(KILL_AT, step.to_string());
    command.output().unwrap().status
}

#[test]
#[ignore = "the child of another test"]
fn child_that_backs_up() {
    let Some((folder, reporter)) = told() else { return };
    let world = World::open(&folder);
    world.clock.advance(60);
    let locks = folder.join("locks");
    let context = world.context(&reporter, &locks);
    backup(&context, world.database(), &[world.place()], &request()).unwrap();
}

#[test]
#[ignore = "the child of another test"]
fn child_that_restores() {
    let Some((folder, reporter)) = told() else { return };
    let world = World::open(&folder);
    let locks = folder.join("locks");
    let context = world.context(&reporter, &locks);
    let places = [world.place()];
    let source = Source::stored(&context, &world.name, Wanted::Newest, &places).unwrap();
    let request = RestoreRequest { mode: LoadMode::Replace, check: true, ..RestoreRequest::default() };
    let target = Target { name: Some(&world.name), engine: world.engine.as_ref() };
    let plan = plan(&context, &source, target, &request).unwrap();
    restore(&context, &source, target, &plan, None, std::time::Duration::ZERO).unwrap();
}

#[test]
fn a_backup_killed_at_any_step() {
    let world = World::new();
    world.back_up().unwrap();
    let old: Vec<_> = world.files("backups");
    let mut step = 0;
    loop {
        let status = child("killed::child_that_backs_up", &world.folder, step);
        if status.success() {
            break;
        }
        assert_eq!(status.signal(), Some(9), "step {step}: {status}");
        check_after_kill(&world, &old, step);
        step += 1;
    }
    assert!(step >= 9, "only {step} steps were killed");
}

fn check_after_kill(world: &World, old: &[PathBuf], step: usize) {
    // The old backup is whole, and every manifest that is there belongs to a whole backup.
    for file in old {
        assert!(file.exists(), "step {step}: {file:?} is lost");
    }
    let manifests =
        world.files("backups").iter().filter(|path| path.to_string_lossy().ends_with(".meta.json")).count();
    world.with_context(|context| cadangkan_ops::adopt::adopt(context, world.place())).unwrap();
    let known = world.catalog.backups(&cadangkan_catalog::BackupFilter::default()).unwrap();
    assert_eq!(known.len(), manifests, "step {step}");
    for backup in known {
        let level = VerifyLevel::Read;
        world
            .with_context(|context| {
                cadangkan_ops::verify::verify(context, &world.name, backup.id, world.place(), level)
            })
            .unwrap();
        if manifests > 1 && backup.id.to_string() != "2026-01-15-143022" {
            world
                .with_context(|context| {
                    cadangkan_ops::stored::delete(context, &world.name, backup.id, &[world.place()])
                })
                .unwrap();
        }
    }
    // What was left is named and removed, and nothing else.
    let left: Vec<_> = world.files("backups").into_iter().filter(|file| !old.contains(file)).collect();
    let done =
        world.with_context(|context| cleanup::cleanup(context, world.database(), &[world.place()])).unwrap();
    assert_eq!(done.items.len(), left.len(), "step {step}: {left:?} {done:?}");
    assert_eq!(world.files("backups"), old, "step {step}");
    // The dead run is known as dead.
    let runs = world.catalog.runs(&RunFilter::default()).unwrap();
    assert!(runs.iter().all(|run| run.status != RunStatus::Running), "step {step}: {runs:?}");
}

#[test]
fn a_restore_killed_at_any_step() {
    let world = World::new();
    let backed_up = world.fingerprints();
    world.back_up().unwrap();
    let mut step = 0;
    loop {
        world.fill(7);
        let damaged = world.fingerprints();
        let status = child("killed::child_that_restores", &world.folder, step);
        let now = world.fingerprints();
        if status.success() {
            assert_eq!(now, backed_up);
            break;
        }
        assert_eq!(status.signal(), Some(9), "step {step}: {status}");
        assert!(now == damaged || now == backed_up, "step {step}: neither old nor new");
        world.with_context(|context| cleanup::cleanup(context, world.database(), &[world.place()])).unwrap();
        let left: Vec<_> =
            world.files("").into_iter().filter(|path| path.to_string_lossy().contains("restor")).collect();
        assert!(left.is_empty(), "step {step}: {left:?}");
        step += 1;
    }
    assert!(step >= 4, "only {step} steps were killed");
    let kept =
        world.files("").into_iter().find(|path| path.to_string_lossy().contains("before-restore")).unwrap();
    assert_ne!(fingerprints(engine(&kept).as_ref()), backed_up);
}

/// Copies into the folder `usb` what it lacks.
fn sync_to_usb(world: &World, context: &Context<'_>) {
    let (name, usb) = (Name::new("usb").unwrap(), Local::new(world.folder.join("usb")));
    let goal = Goal { place: Place { name: &name, storage: &usb }, after: None, rules: None };
    let report = sync(context, &world.name, &[world.place()], &[goal], None).unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
}

#[test]
#[ignore = "the child of another test"]
fn child_that_syncs() {
    let Some((folder, reporter)) = told() else { return };
    let world = World::open(&folder);
    let reporter = KillAt { counts: |_| true, ..reporter };
    sync_to_usb(&world, &world.context(&reporter, &folder.join("locks")));
}

#[test]
fn a_sync_killed_at_any_event() {
    let world = World::new();
    for _ in 0..2 {
        world.back_up().unwrap();
        world.clock.advance(60);
    }
    let content = |folder: &str| {
        let root = world.folder.join(folder);
        let file =
            |path: PathBuf| (path.strip_prefix(&root).unwrap().to_owned(), std::fs::read(&path).unwrap());
        world.files(folder).into_iter().map(file).collect::<std::collections::BTreeMap<_, _>>()
    };
    let all = content("backups");
    let (name, usb) = (Name::new("usb").unwrap(), Local::new(world.folder.join("usb")));
    let mut event = 0;
    loop {
        let status = child("killed::child_that_syncs", &world.folder, event);
        let found = content("usb");
        if status.success() {
            assert_eq!(found, all);
            break;
        }
        assert_eq!(status.signal(), Some(9), "event {event}: {status}");
        // A manifest is never there without the rest of its backup.
        for manifest in found.keys().filter(|file| file.to_string_lossy().ends_with(".meta.json")) {
            let archive = manifest.to_string_lossy().replace(".meta.json", "");
            for (file, bytes) in all.iter().filter(|(file, _)| file.to_string_lossy().starts_with(&archive)) {
                assert!(found.get(file) == Some(bytes), "event {event}: {}", file.display());
            }
        }
        world.with_context(|context| sync_to_usb(&world, context));
        let place = Place { name: &name, storage: &usb };
        world.with_context(|context| cleanup::cleanup(context, world.database(), &[place])).unwrap();
        assert!(content("usb") == all, "event {event}");
        std::fs::remove_dir_all(world.folder.join("usb")).unwrap();
        std::fs::create_dir(world.folder.join("usb")).unwrap();
        event += 1;
    }
    assert!(event >= 5, "only {event} events were killed");
}
