//! The process is killed (SIGKILL) as each step begins: nothing that looks good is bad, nothing old is lost.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};

use cadangkan_catalog::{RunFilter, RunStatus};
use cadangkan_core::{Event, Reporter};
use cadangkan_engine::LoadMode;
use cadangkan_ops::backup::backup;
use cadangkan_ops::cleanup;
use cadangkan_ops::restore::{RestoreRequest, Target, plan, restore};
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_ops::verify::VerifyLevel;

use crate::support::{World, engine, fingerprints, request};

const FOLDER: &str = "CADANGKAN_TEST_FOLDER";
const KILL_AT: &str = "CADANGKAN_TEST_KILL_AT";

/// Kills this process at the n-th step, counted from 0; before that, at every event in between, it does nothing.
struct KillAt {
    step: usize,
    seen: AtomicUsize,
}

impl Reporter for KillAt {
    fn report(&self, event: &Event<'_>) {
        if matches!(event, Event::Step { .. }) && self.seen.fetch_add(1, Ordering::SeqCst) == self.step {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "how a test tells its own child what to do")]
fn told() -> Option<(PathBuf, KillAt)> {
    let folder = std::env::var_os(FOLDER)?;
    let step = std::env::var(KILL_AT).unwrap().parse().unwrap();
    Some((folder.into(), KillAt { step, seen: AtomicUsize::new(0) }))
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
