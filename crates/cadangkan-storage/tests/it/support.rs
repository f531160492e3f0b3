//! What several tests need: children of this test binary, and things a machine may lack.

use std::path::Path;
use std::process::{Command, Output};

use cadangkan_core::Result;
use cadangkan_storage::{Key, ObjectInfo, Storage, WriteOptions};

const CHILD: &str = "CADANGKAN_TEST_CHILD";

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

pub(crate) fn put(storage: &dyn Storage, name: &str, bytes: &[u8]) -> Result<ObjectInfo> {
    let mut writer =
        storage.begin_write(&key(name), WriteOptions { overwrite: true, ..WriteOptions::default() })?;
    writer.write(bytes)?;
    writer.close()
}

pub(crate) fn names(storage: &dyn Storage) -> Vec<String> {
    storage.list("").unwrap().into_iter().map(|object| object.key.as_str().to_owned()).collect()
}

/// The folder that a child is given; `None` in a normal run of the tests.
#[allow(clippy::disallowed_methods, reason = "a test tells its own child what to do")]
pub(crate) fn child_folder() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD).map(Into::into)
}

/// The arguments that run one test of this binary again, as a child, when they follow the name of a program that
/// runs programs.
pub(crate) fn as_child(mut command: Command, test: &str, folder: &Path) -> Command {
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env(CHILD, folder);
    command
}

/// Runs a child to its end; it must succeed.
pub(crate) fn run_child(command: Command, test: &str, folder: &Path) -> Output {
    let output = as_child(command, test, folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "the child failed:\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("1 passed"), "no such test: {test}");
    output
}

/// Tells whether a test can run; where it cannot, it is skipped on a person's machine and fails in CI.
#[allow(clippy::disallowed_methods, reason = "CI is how a machine says that nothing may be skipped")]
pub(crate) fn can_run(available: bool, needs: &str) -> bool {
    assert!(available || std::env::var_os("CI").is_none(), "this test needs {needs}");
    if !available {
        println!("skipped: this test needs {needs}");
    }
    available
}
