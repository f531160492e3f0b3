//! How often the disk is waited for, and that what counts has reached it in the end.

use std::process::Command;

use crate::support::{Home, Ran};

/// Each wait protects something: the probe of the storage, file and folder of archive, index and manifest, and each change of
/// the catalog that is not only progress.
#[test]
fn a_small_backup_waits_for_the_disk_where_that_protects_something() {
    let home = Home::with_shop();
    home.good(&["backup", "shop"]);
    let trace = home.path("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", "trace=fsync,fdatasync,pwrite64,write", "-o"]).arg(&trace);
    strace.arg(env!("CARGO_BIN_EXE_cadangkan"));
    let ran = Ran::of(&mut home.wrapped(strace, &["backup", "shop"]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let trace = std::fs::read_to_string(trace).unwrap();
    let trace: Vec<&str> = trace.lines().collect();
    let synced: Vec<&str> = trace.iter().copied().filter(|line| line.contains("sync(")).collect();
    let of_catalog = synced.iter().filter(|line| line.contains("catalog.db")).count();
    assert!(synced.len() <= 16 && of_catalog <= 7, "{}", synced.join("\n"));
    // Nothing that was written to the catalog or to the storage has not been waited for.
    for file in ["catalog.db-wal", "zst.index", "meta.json", "sqlite.zst."] {
        let last = |call: &str| trace.iter().rposition(|line| line.contains(call) && line.contains(file));
        let (written, synced) = (last("write").max(last("pwrite64")), last("sync("));
        assert!(written.is_some() && synced > written, "{file}");
    }
}
