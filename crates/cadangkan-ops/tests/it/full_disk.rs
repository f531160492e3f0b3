//! Real disks that are full: a small tmpfs under the backups, and one under the target.

use std::path::{Path, PathBuf};
use std::process::Command;

use cadangkan_catalog::{RunFilter, RunStatus};
use cadangkan_core::ErrorKind;

use crate::support::{World, failure};

/// A mounted tmpfs; unmounted when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of so many bytes; `None` where that is not allowed, which fails in CI.
    #[allow(
        clippy::disallowed_methods,
        clippy::print_stdout,
        reason = "CI is how a machine says that nothing may be skipped"
    )]
    fn mount(at: &Path, bytes: u32) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=0700"), "tmpfs"])
            .arg(at)
            .output()
            .is_ok_and(|output| output.status.success());
        assert!(mounted || std::env::var_os("CI").is_none(), "this test mounts a tmpfs, as root");
        if !mounted {
            println!("skipped: this test mounts a tmpfs, as root");
        }
        mounted.then(|| SmallDisk(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn under_the_backups() {
    let world = World::new();
    let Some(_disk) = SmallDisk::mount(&world.folder.join("backups"), 2 << 20) else { return };
    let error = failure(world.back_up());
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:?}");
    assert!(error.advice().is_some());
    assert!(world.files("backups").is_empty(), "{:?}", world.files("backups"));
    let run = world.catalog.runs(&RunFilter::default()).unwrap().remove(0);
    assert_eq!(run.status, RunStatus::Failed);
    // With room again the next one is good.
    world.fill(50);
    rusqlite::Connection::open(world.file()).unwrap().execute_batch("VACUUM").unwrap();
    world.back_up().unwrap();
}

#[test]
fn under_the_target() {
    let world = World::new();
    world.back_up().unwrap();
    let Some(_disk) = SmallDisk::mount(&world.folder.join("target"), 2 << 20) else { return };
    let error = failure(world.restore_to(&world.folder.join("target/restored.db")));
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:?}");
    assert!(world.files("target").is_empty(), "{:?}", world.files("target"));
}
