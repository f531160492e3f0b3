//! Only their owner may read what is written, whatever the umask says.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{Home, Ran, make_shop};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_are_0600_and_folders_0700() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    let open = |arguments: &[&str]| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_cadangkan")]);
        let ran = Ran::of(&mut home.wrapped(shell, arguments));
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
    };
    open(&["init"]);
    open(&["add", "sqlite", "shop", "--path", "shop.db"]);
    open(&["backup", "shop"]);
    let id = home.json(&["backups", "list"])[0]["backup_id"].as_str().unwrap().to_owned();
    open(&["backups", "preserve", "shop", &id]);
    open(&["backups", "export", "shop", &id, "--to", "plain.db"]);
    open(&["restore", "shop", "--to", "back.db"]);
    open(&["backup", "--url", "shop.db", "--to-dir", "usb"]);
    let mut files = [home.files(".cadangkan"), home.files("usb")].concat();
    files.extend([home.path("plain.db"), home.path("back.db")]);
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        let folder = file.parent().unwrap();
        if folder != home.path("") && folder != home.path(".").parent().unwrap() {
            assert_eq!(mode(folder), 0o700, "{}", folder.display());
        }
    }
}

#[test]
fn a_restored_database_keeps_the_mode_of_the_old_one() {
    let home = Home::with_shop();
    home.back_up();
    std::fs::set_permissions(home.path("shop.db"), std::fs::Permissions::from_mode(0o640)).unwrap();
    home.good(&["restore", "shop", "--yes"]);
    assert_eq!(mode(&home.path("shop.db")), 0o640);
}

#[test]
fn a_configuration_that_others_may_change_is_warned_of() {
    let home = Home::configured("version: 1\n");
    let file = home.path(".cadangkan/config.yaml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let ran = home.run(&["list", "--quiet"]);
    assert!(ran.stderr.contains("⚠ others may change") && ran.stderr.contains("chmod 600"), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(home.run(&["list"]).stderr, "");
}
