use std::process::Command;

use super::*;

fn unit(program: &Path) -> String {
    let writable = [PathBuf::from("/mnt/usb disk"), PathBuf::from("/srv/100%")];
    let protect_home = ProtectHome::ReadOnly;
    systemd(&Systemd { program, protect_home, writable: &writable, has_master_key: true }).unwrap()
}

/// Runs systemd-analyze on a unit in a folder.
fn analyze(folder: &Path, unit: &str, arguments: &[&str]) -> (bool, String) {
    let file = folder.join("cadangkan.service");
    std::fs::write(&file, unit).unwrap();
    let output = Command::new("systemd-analyze").args(arguments).arg(file).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_program_that_the_service_would_not_see_is_refused() {
    let seen = |path: &str, home| can_be_seen(Path::new(path), home).is_ok();
    for path in ["/tmp/cadangkan", "/var/tmp/a/cadangkan"] {
        assert!(!seen(path, ProtectHome::ReadOnly) && !seen(path, ProtectHome::No), "{path}");
    }
    for path in ["/home/ann/cadangkan", "/run/user/1/cadangkan"] {
        assert!(!seen(path, ProtectHome::Yes) && seen(path, ProtectHome::ReadOnly), "{path}");
    }
    for path in ["/usr/local/bin/cadangkan", "/tmpfiles/cadangkan", "/opt/home/cadangkan"] {
        assert!(seen(path, ProtectHome::Yes), "{path}");
    }
}

#[test]
fn the_unit() {
    insta::assert_snapshot!(unit(Path::new("/usr/local/bin/cadangkan")));
}

#[test]
fn the_plist() {
    let text =
        launchd(Path::new("/opt/a & b/cadangkan"), "ayu", Path::new("/Volumes/ayu/.cadangkan")).unwrap();
    insta::assert_snapshot!(text);
    let script = "import plistlib, sys; p = plistlib.loads(sys.argv[1].encode()); \
                  print(p['ProgramArguments'], p['RunAtLoad'], p['KeepAlive'], oct(p['Umask']))";
    let output = Command::new("python3").args(["-c", script, &text]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "['/opt/a & b/cadangkan', 'daemon'] True True 0o77\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn systemd_takes_every_line_and_finds_little_exposed() {
    let folder = tempfile::tempdir().unwrap();
    let text = unit(&std::env::current_exe().unwrap());
    let (is_good, said) = analyze(folder.path(), &text, &["verify", "--man=no"]);
    // Other units of the machine may be wrong; ours may not.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("cadangkan.service")).collect();
    assert!(is_good && ours.is_empty(), "{said}");
    let security = ["security", "--offline=true", "--no-pager"];
    let (is_good, said) = analyze(folder.path(), &text, &[&security[..], &["--threshold=20"]].concat());
    assert!(is_good, "{said}");
    // Both can fail.
    let wrong = text.replace("ProtectClock=yes", "ProtectClocks=yes");
    let (_, said) = analyze(folder.path(), &wrong, &["verify", "--man=no"]);
    assert!(said.contains("ProtectClocks"), "{said}");
    let open = text.replace("CapabilityBoundingSet=\n", "").replace("SystemCallFilter=@system-service\n", "");
    let (is_good, said) = analyze(folder.path(), &open, &[&security[..], &["--threshold=20"]].concat());
    assert!(!is_good, "{said}");
}

#[test]
fn what_cannot_stand_in_a_unit_is_refused() {
    for path in ["relative", "/a\nExecStartPre=/bin/sh", "/a\"b", "/a'b", "/a\\b", "/$HOME"] {
        let program = Path::new(path);
        let service =
            Systemd { program, protect_home: ProtectHome::Yes, writable: &[], has_master_key: false };
        assert_eq!(systemd(&service).unwrap_err().kind(), ErrorKind::Unsupported, "{path}");
        assert!(launchd(program, "ayu", Path::new("/Volumes/ayu")).is_err(), "{path}");
    }
    let (program, protect_home) = (Path::new("/bin/cadangkan"), ProtectHome::No);
    let service = Systemd { program, protect_home, writable: &[], has_master_key: false };
    let text = systemd(&service).unwrap();
    assert!(!text.contains("LoadCredential") && !text.contains("ReadWritePaths"), "{text}");
    assert!(text.contains("\nProtectHome=no\n"), "{text}");
}
