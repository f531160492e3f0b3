use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use cadangkan_storage::{Local, Storage, WriteOptions};

use crate::support::{child_folder, key, put, run_child};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// In a process of its own, since the umask belongs to the process.
#[test]
fn files_are_0600_and_folders_0700_whatever_the_umask() {
    let Some(place) = child_folder() else {
        let place = tempfile::tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask 0; exec \"$0\" \"$@\""]);
        run_child(
            shell,
            "local::modes::files_are_0600_and_folders_0700_whatever_the_umask",
            &place.path().join("new/root"),
        );
        return;
    };
    let storage = Local::new(&place);
    put(&storage, "shop/2026/archive", b"bytes").unwrap();
    let mut writer = storage.begin_write(&key("shop/unfinished"), WriteOptions::default()).unwrap();
    writer.write(b"bytes").unwrap();
    for folder in [place.parent().unwrap(), &place, &place.join("shop"), &place.join("shop/2026")] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(&place.join("shop/2026/archive")), 0o600);
    let unfinished = &storage.leftovers("shop").unwrap()[0];
    assert_eq!(mode(&place.join(&unfinished.location)), 0o600);
}
