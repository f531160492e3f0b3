//! Another master key: everything that was sealed opens with it, and whatever stops the change, nothing is lost.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use crate::support::{Home, make_shop};

const PHRASE: &str = "a passphrase for the shop";

/// A home folder in which a backup of `shop` was encrypted with a passphrase that is sealed in the catalog.
fn sealed_shop() -> Home {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    let import = format!(
        "databases:\n  shop:\n    sqlite: {{ path: shop.db }}\n    encryption: {{ passphrase: {PHRASE}, kdf_memory: 8MiB, kdf_passes: 1 }}\n"
    );
    std::fs::write(home.path("import.yaml"), import).unwrap();
    home.good(&["config", "import", "import.yaml"]);
    home.good(&["backup", "shop"]);
    home
}

/// Opens the backup with the sealed passphrase.
fn opens(home: &Home) -> bool {
    let ran = home.run(&["restore", "shop", "--to", "copy.db", "--yes"]);
    let _ = std::fs::remove_file(home.path("copy.db"));
    ran.code == 0
}

fn key(home: &Home) -> String {
    std::fs::read_to_string(home.path(".cadangkan/master.key")).unwrap()
}

#[test]
fn a_new_key_takes_the_place_of_the_old_one() {
    let home = sealed_shop();
    let old = key(&home);
    let planned = home.good(&["key", "rotate-master", "--dry-run"]);
    assert!(planned.contains("Would seal 1 secret"), "{planned}");
    assert_eq!(key(&home), old);
    let told = home.good(&["key", "rotate-master"]);
    assert!(told.contains("Sealed 1 secret with the new master key "), "{told}");
    let new = key(&home);
    assert!(new != old && new.lines().count() == 1 && !told.contains(new.trim()), "{told}");
    assert!(opens(&home));
    // The old key opens nothing, and its sealed text is nowhere in the catalog.
    std::fs::write(home.path(".cadangkan/master.key"), &old).unwrap();
    assert!(!opens(&home));
    let told = home.run(&["backup", "shop"]).stderr;
    assert!(told.contains("another master key") && told.matches("shop").count() == 2, "{told}");
    assert_eq!(told.matches("database: shop").count(), 1, "{told}");
    std::fs::write(home.path(".cadangkan/master.key"), &new).unwrap();
    assert!(opens(&home));
    let value = home.json(&["key", "rotate-master"]);
    let files = home.files(".cadangkan");
    let catalogs = files.iter().filter(|file| file.to_string_lossy().contains("catalog.db"));
    let bytes: Vec<u8> = catalogs.flat_map(|file| std::fs::read(file).unwrap()).collect();
    let text = String::from_utf8_lossy(&bytes);
    let ids: Vec<&str> = text
        .match_indices("{\"sealed\":\"v1:")
        .filter_map(|(at, found)| text.get(at + found.len()..at + found.len() + 8))
        .collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == value["key_id"]), "{ids:?} {value}");
}

#[test]
fn the_key_of_the_variable_is_replaced_by_one_that_is_given() {
    let home = sealed_shop();
    let old = key(&home);
    std::fs::remove_file(home.path(".cadangkan/master.key")).unwrap();
    let with = |key: &str, words: &[&str], stdin: &str| {
        let mut command = home.command(words);
        let mut child = command
            .env("CADANGKAN_MASTER_KEY", key.trim())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), stdin.as_bytes());
        crate::support::Ran::ended(child)
    };
    let refused = with(&old, &["key", "rotate-master"], "");
    assert!(refused.code == 2 && refused.stderr.contains("--new-key-file"), "{}", refused.stderr);
    for wrong in ["short", &old, ""] {
        assert_eq!(with(&old, &["key", "rotate-master", "--new-key-stdin"], wrong).code, 2, "{wrong}");
    }
    home.good(&["key", "generate", "new.key", "--symmetric"]);
    let new = std::fs::read_to_string(home.path("new.key")).unwrap();
    let told = with(&old, &["key", "rotate-master", "--new-key-file", "new.key"], "");
    assert!(told.code == 0 && told.stdout.contains("Put the new key into CADANGKAN_MASTER_KEY"), "{told:?}");
    assert!(!home.path(".cadangkan/master.key").exists());
    let restore = ["restore", "shop", "--to", "copy.db", "--yes"];
    assert_eq!(with(&new, &restore, "").code, 0);
    let ran = with(&old, &["restore", "shop", "--to", "other.db", "--yes"], "");
    assert!(ran.code == 3 && ran.stderr.contains("another master key"), "{}", ran.stderr);
    // Back again, by a pipe.
    assert_eq!(with(&new, &["key", "rotate-master", "--new-key-stdin"], &old).code, 0);
    assert_eq!(with(&old, &["restore", "shop", "--to", "other.db", "--yes"], "").code, 0);
}

#[test]
fn what_cannot_be_opened_stops_the_rotation() {
    let home = sealed_shop();
    let old = key(&home);
    std::fs::remove_file(home.path(".cadangkan/master.key")).unwrap();
    assert_eq!(home.run(&["key", "rotate-master"]).code, 4);
    // Another database is sealed with another key.
    let other = home.path("other.yaml");
    std::fs::write(&other, "databases:\n  other: { sqlite: { path: shop.db }, encryption: { passphrase: \"another passphrase\" } }\n").unwrap();
    home.good(&["config", "import", "other.yaml"]);
    let new = key(&home);
    let ran = home.run(&["key", "rotate-master"]);
    assert!(ran.code == 3 && ran.stderr.contains("database: shop"), "{}", ran.stderr);
    assert_eq!(key(&home), new, "nothing was changed");
    // With both keys in the file all is sealed with one.
    std::fs::write(home.path(".cadangkan/master.key"), format!("{new}{old}")).unwrap();
    home.good(&["key", "rotate-master"]);
    assert!(key(&home).lines().count() == 1 && opens(&home));
}

/// Those who seal while the key is rotated do so with one that stays.
#[test]
fn what_is_sealed_meanwhile_opens() {
    let home = sealed_shop();
    let import = &|number: usize| {
        let (name, file) = (format!("more{number}"), format!("more{number}.yaml"));
        let text = format!(
            "databases:\n  {name}:\n    sqlite: {{ path: shop.db }}\n    encryption: {{ passphrase: {PHRASE}, kdf_memory: 8MiB, kdf_passes: 1 }}\n"
        );
        std::fs::write(home.path(&file), text).unwrap();
        home.good(&["config", "import", &file]);
        name
    };
    let names: Vec<String> = std::thread::scope(|scope| {
        let rotations = scope.spawn(|| {
            for _ in 0..4 {
                home.good(&["key", "rotate-master"]);
            }
        });
        let sealers: Vec<_> = (0..3)
            .map(|first| scope.spawn(move || (0..4).map(|n| first * 4 + n).map(import).collect::<Vec<_>>()))
            .collect();
        rotations.join().unwrap();
        sealers.into_iter().flat_map(|sealer| sealer.join().unwrap()).collect()
    });
    assert_eq!(names.len(), 12);
    for name in names {
        home.good(&["backup", &name]);
    }
    assert!(opens(&home));
}

/// Killed at every call that changes something on the disk, one after the other, until it comes to its end.
#[test]
fn killed_at_any_moment_nothing_is_lost() {
    let home = sealed_shop();
    let calls =
        "pwrite64,write,ftruncate,fsync,fdatasync,rename,renameat,renameat2,linkat,unlink,unlinkat,fchmod";
    let (mut kills, mut both) = (0, 0);
    loop {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        strace.args(["-e", &format!("inject={calls}:signal=KILL:when={}", kills + 1)]);
        strace.arg(env!("CARGO_BIN_EXE_cadangkan"));
        let status = home.wrapped(strace, &["key", "rotate-master"]).output().unwrap().status;
        assert!(opens(&home), "after call {kills}");
        if status.success() {
            break;
        }
        assert_eq!(status.signal(), Some(9), "{status:?}");
        both += usize::from(key(&home).lines().count() > 1);
        kills += 1;
        assert!(kills < 1000, "it comes to no end");
    }
    assert!(kills > 10 && both > 0, "killed {kills} times, {both} with both keys");
    assert_eq!(key(&home).lines().count(), 1);
    println!("killed {kills} times, {both} of them with both keys");
}

/// As a service of systemd, whose credentials others may read.
#[test]
fn a_key_and_a_passphrase_come_from_credentials() {
    let home = sealed_shop();
    let credentials = home.path("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let give = |name: &str, text: &str, mode: u32| {
        let path = credentials.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    give("master-key", &key(&home), 0o440);
    give("phrase", PHRASE, 0o444);
    std::fs::remove_file(home.path(".cadangkan/master.key")).unwrap();
    home.configure(
        "databases:\n  other: { sqlite: { path: ../shop.db }, encryption: { passphrase_file: \"${CREDENTIALS_DIRECTORY}/phrase\" } }\n",
    );
    let run = |words: &[&str]| {
        let mut command = home.command(words);
        command.env("CREDENTIALS_DIRECTORY", &credentials);
        command.env("CADANGKAN_MASTER_KEY_FILE", credentials.join("master-key"));
        crate::support::Ran::of(&mut command)
    };
    for (database, copy) in [("shop", "a.db"), ("other", "b.db")] {
        let ran = run(&["backup", database]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let ran = run(&["restore", database, "--to", copy, "--yes"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    give("phrase", PHRASE, 0o664);
    let ran = run(&["backup", "other"]);
    assert!(ran.code != 0 && ran.stderr.contains("others may read or change"), "{}", ran.stderr);
    assert!(!home.path(".cadangkan/master.key").exists());
}
