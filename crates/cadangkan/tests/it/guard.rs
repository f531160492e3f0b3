//! Something risky with a backup before it.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::postgres_server::Server;
use crate::pty::Terminal;
use crate::support::{Home, Ran, execute, number};

const ORDERS: &str = "SELECT count(*) FROM orders";

/// What a migration does that goes wrong.
const BREAKS: &str = "sqlite3 shop.db 'DELETE FROM orders' && exit 3";

fn orders(home: &Home) -> i64 {
    number(&home.path("shop.db"), ORDERS)
}

#[test]
fn a_command_that_goes_well_has_a_backup_before_it() {
    let home = Home::with_shop();
    for arguments in
        [&["init", "-q"][..], &["commit", "-q", "--allow-empty", "-m", "first"], &["branch", "-M", "next"]]
    {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@localhost"];
        let git = Command::new("git").args(identity).args(arguments).current_dir(home.path("")).status();
        assert!(git.unwrap().success());
    }
    let command =
        ["guard", "shop", "--tag", "release", "--", "sh", "-c", "cat; sqlite3 shop.db 'DELETE FROM orders'"];
    let plan = home.good(&[&["--dry-run"], &command[..]].concat());
    assert!(plan.contains("Then this would be run: sh -c cat") && orders(&home) == 3, "{plan}");
    let mut child = home
        .command(&command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"all its own\n").unwrap();
    let ran = Ran::ended(child);
    assert_eq!((ran.code, ran.stdout.as_str(), orders(&home)), (0, "all its own\n", 0), "{}", ran.stderr);
    let backup = &home.json(&["backups", "list"])[0];
    assert_eq!((&backup["trigger"], &backup["tags"][0]), (&"guard".into(), &"release".into()));
    let id = backup["backup_id"].as_str().unwrap();
    let manifest = &home.json(&["backups", "info", "shop", id])[0]["manifest"];
    let head = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(home.path("")).output().unwrap();
    assert_eq!(manifest["git"]["commit"], String::from_utf8(head.stdout).unwrap().trim());
    assert_eq!(manifest["git"]["branch"], "next");
    assert!(home.good(&["backups", "info", "shop", id]).contains(" on next\n"));
    home.good(&["restore", "shop", "--yes"]);
    assert_eq!(orders(&home), 3);
}

#[test]
fn a_command_that_fails_is_undone_where_that_is_asked_for_and_told_elsewhere() {
    let home = Home::with_shop();
    for what in ["ask", "nothing"] {
        execute(&home.path("shop.db"), "DELETE FROM orders; INSERT INTO orders VALUES (1, 1, 1)");
        let ran = home.run(&["guard", "shop", "--on-failure", what, "--", "sh", "-c", BREAKS]);
        // Nobody can answer here, so that nothing is done.
        assert_eq!((ran.code, orders(&home)), (3, 0), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("exit status: 3") && ran.stderr.contains("cadangkan restore shop --from "),
            "{}",
            ran.stderr
        );
    }
    execute(&home.path("shop.db"), "INSERT INTO orders VALUES (1, 1, 1), (2, 2, 2)");
    let ran = home.run(&["guard", "shop", "--on-failure", "restore", "--", "sh", "-c", BREAKS]);
    assert_eq!((ran.code, orders(&home)), (3, 2), "{}", ran.stderr);
    let ran = home.run(&[
        "guard",
        "shop",
        "--yes",
        "--",
        "sh",
        "-c",
        "sqlite3 shop.db 'DROP TABLE orders'; kill -9 $$",
    ]);
    assert_eq!((ran.code, orders(&home)), (137, 2), "{}", ran.stderr);
    // What failed last is told by the exit code.
    let ran = home.run(&[
        "guard",
        "shop",
        "--on-failure",
        "restore",
        "--",
        "sh",
        "-c",
        "rm -r .cadangkan/backups; exit 3",
    ]);
    assert!(ran.code != 3 && ran.code != 0, "{}", ran.stderr);
}

#[test]
fn without_a_backup_there_is_no_command() {
    let home = Home::with_shop();
    let ran = home.run(&["guard", "shop", "--", "./no-such-command"]);
    assert!(ran.code == 4 && ran.stderr.contains("the backup is there"), "{}", ran.stderr);
    std::fs::write(home.path("shop.db"), "no database").unwrap();
    let ran = home.run(&["guard", "shop", "--", "touch", "reached"]);
    assert!(ran.code == 11 && ran.stderr.contains("command: it was not run"), "{}", ran.stderr);
    assert!(!home.path("reached").exists());
    home.good(&["edit", "shop", "--disable"]);
    assert_eq!(home.run(&["guard", "shop", "--", "true"]).code, 2);
}

#[test]
fn on_a_terminal_somebody_is_asked() {
    for (answer, left) in [("y", 3), ("n", 0)] {
        let home = Home::with_shop();
        let mut terminal = Terminal::start(&home, &["guard", "shop", "--", "sh", "-c", BREAKS], &[]);
        terminal.answer("[y/N] ", answer);
        let (code, screen) = terminal.end();
        assert_eq!((code, orders(&home)), (3, left), "{screen}");
        assert!(screen.contains("Backed up shop first"), "{screen}");
    }
}

#[test]
fn ctrl_c_is_the_commands_own() {
    let home = Home::with_shop();
    let waits = "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done";
    let mut terminal =
        Terminal::start(&home, &["guard", "shop", "--on-failure", "nothing", "--", "sh", "-c", waits], &[]);
    terminal.expect("ready");
    terminal.press("\u{3}");
    let (code, screen) = terminal.end();
    assert!(code == 7 && screen.contains("caught"), "{code}: {screen}");
    // Without a terminal a signal is passed on, any number of times, and stops the restore afterwards again.
    let waits = "trap 'echo >> caught' TERM; touch ready; until [ $(wc -l < caught) = 3 ]; do sleep 0.05; done 2>/dev/null; exit 8";
    let child =
        home.command(&["guard", "shop", "--", "sh", "-c", waits]).stderr(Stdio::piped()).spawn().unwrap();
    while !home.path("ready").exists() {
        std::thread::yield_now();
    }
    let caught = || std::fs::read_to_string(home.path("caught")).unwrap_or_default().len();
    for count in 1..=3 {
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        while caught() < count {
            std::thread::yield_now();
        }
    }
    assert_eq!(Ran::ended(child).code, 8);
}

#[test]
fn a_database_on_a_server_comes_back() {
    let Some(server) = Server::start() else { return };
    server.psql("postgres", "CREATE DATABASE guarded");
    server.psql("guarded", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i");
    let (port, bin) = (server.port(), server.bin().display());
    let home = Home::configured(&format!(
        "databases:\n  prod:\n    postgres: {{ host: 127.0.0.1, port: {port}, user: postgres, sslmode: disable, database: guarded, pg_bin: {bin} }}\n  \
         all:\n    postgres: {{ host: 127.0.0.1, port: {port}, user: postgres, sslmode: disable, databases: '*', pg_bin: {bin} }}\n"
    ));
    let migrate = format!(
        "{}/psql -h 127.0.0.1 -p {port} -U postgres -d guarded -v ON_ERROR_STOP=1 -c 'DELETE FROM t WHERE i > 10' -c 'SELECT no_such_thing'",
        server.bin().display()
    );
    let ran = home.run(&["guard", "prod", "--on-failure", "restore", "--", "sh", "-c", &migrate]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(server.psql("guarded", "SELECT count(*), sum(i) FROM t"), "1000|500500\n", "{}", ran.stderr);
    let ran = home.run(&["guard", "all", "--", "true"]);
    assert!(ran.code == 12 && ran.stderr.contains("add it as a database of its own"), "{}", ran.stderr);
}
