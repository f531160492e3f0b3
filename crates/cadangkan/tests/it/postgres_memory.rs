//! How much memory one long row takes.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use cadangkan_testkit::servers::{PostgresServer, postgres_main};

use crate::support::Home;

#[test]
fn a_long_row_takes_a_few_times_its_length() {
    round_trip(20);
}

#[test]
#[ignore = "takes a minute and more than a gigabyte of memory"]
fn a_very_long_row_takes_a_few_times_its_length() {
    round_trip(200);
}

/// Backs up and restores rows that are so many megabytes long as text.
fn round_trip(megabytes: u64) {
    let Some(server) = postgres_main() else { return };
    let (source, target) = (server.database(), server.database());
    source.psql(&format!(
        "CREATE TABLE long (id int PRIMARY KEY, t text, b bytea);
         INSERT INTO long SELECT 1, string_agg(md5(i::text), '') FROM generate_series(1, {megabytes} * 31250) i;
         INSERT INTO long (id, b) SELECT 2, decode(t, 'hex') FROM long;"
    ));
    let database = |name: &str, database: &str| {
        format!(
            "  {name}: {{ postgres: {{ host: 127.0.0.1, port: {}, user: {}, password: {}, database: {database}, pg_bin: {} }} }}\n",
            server.port,
            PostgresServer::USER,
            PostgresServer::PASSWORD,
            server.bin.as_ref().unwrap().display()
        )
    };
    let config =
        format!("databases:\n{}{}", database("source", &source.name), database("target", &target.name));
    let home = Home::configured(&config);
    for arguments in [&["backup", "source"][..], &["restore", "source", "--to", "target", "--yes"]] {
        let peak = peak(&home, arguments);
        assert!(peak > megabytes, "{arguments:?}: {peak} MB: nothing was measured");
        assert!(peak < 6 * megabytes + 100, "{arguments:?}: {peak} MB for rows of {megabytes} MB");
    }
    let content = "SELECT id, md5(t), md5(b), length(t), length(b) FROM long ORDER BY id";
    assert_eq!(target.psql(content), source.psql(content));
}

/// Runs what must go well, and returns the most memory that it took, in MB.
fn peak(home: &Home, arguments: &[&str]) -> u64 {
    let mut command = home.command(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut kilobytes = 0;
    let ended = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        kilobytes = now.unwrap_or(kilobytes);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        thread::sleep(Duration::from_millis(2));
    };
    assert!(ended.success(), "{arguments:?}");
    kilobytes / 1000
}
