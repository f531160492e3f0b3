use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use cadangkan_catalog::{RunKind, RunStatus};
use cadangkan_core::{Name, NoReporter, RunId, Timestamp};
use cadangkan_ops::around::Made;
use serde_json::{Value, json};

use super::*;
use crate::process::SystemClock;

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn shell(line: &str, timeout: Duration) -> Hook {
    Hook { action: Action::Shell(line.to_owned()), timeout, written: Value::Null }
}

fn before(hooks: Vec<Hook>) -> Hooks {
    Hooks::new(HookSettings { before: Some(hooks), ..HookSettings::default() })
}

fn about(name: &Name) -> AroundRun<'_> {
    AroundRun { kind: RunKind::Backup, database: name, trigger: "manual", id: Some(RunId(7)) }
}

fn run_before(hooks: &Hooks, cancel: &Cancel) -> Result<()> {
    let control = Control { cancel, reporter: &NoReporter, clock: &SystemClock };
    hooks.before(&about(&Name::new("shop").unwrap()), &control)
}

fn failure(line: &str, timeout: Duration) -> Error {
    run_before(&before(vec![shell(line, timeout)]), &Cancel::default()).unwrap_err()
}

/// Waits until a process whose number stands in a file is gone, or waits to be collected by the first one.
fn is_gone(file: &Path) {
    let began = Instant::now();
    let child = std::fs::read_to_string(file).unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
    while state().is_ok_and(|state| !state.contains(") Z ")) {
        assert!(began.elapsed() < LONG, "the grandchild still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn one_that_fails_says_what_it_said() {
    let error = failure("echo one; echo two >&2; exit 3", LONG);
    assert_eq!(error.kind(), ErrorKind::Hook);
    let text = error.to_string();
    for part in ["exit status: 3", "before 1 (echo)", "it said: one", "it said: two"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let killed = failure("kill -9 $$", LONG).to_string();
    assert!(killed.contains("signal: 9"), "{killed}");
    let missing = Hook {
        action: Action::Program(vec!["no-such-program-here".to_owned(), "SECRET".to_owned()]),
        ..shell("", LONG)
    };
    let error = run_before(&before(vec![missing]), &Cancel::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Hook);
    let text = format!("{error} {:?}", error.chain());
    assert!(text.contains("no-such-program-here") && !text.contains("SECRET"), "{text}");
}

#[test]
fn the_first_one_that_fails_is_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reached");
    let touch = shell(&format!("touch '{}'", file.display()), LONG);
    let hooks = before(vec![shell("false", LONG), touch.clone()]);
    run_before(&hooks, &Cancel::default()).unwrap_err();
    assert!(!file.exists());
    run_before(&before(vec![touch]), &Cancel::default()).unwrap();
    assert!(file.exists());
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let hangs = format!("trap '' TERM; sleep 600 & echo $! > '{}'; echo begun; wait; wait", file.display());
    let error = failure(&hangs, Duration::from_millis(500));
    assert!(
        error.to_string().contains("did not end within") && error.to_string().contains("begun"),
        "{error}"
    );
    is_gone(&file);
    // A person who stops does not wait for it either.
    std::fs::remove_file(&file).unwrap();
    let cancel = Cancel::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !file.exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            cancel.cancel();
        });
        let error = run_before(&before(vec![shell(&hangs, LONG)]), &cancel).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    });
    is_gone(&file);
}

#[test]
fn what_it_leaves_running_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let began = Instant::now();
    // It holds the output open, and writes as much as it can.
    let line = format!("(echo $$; exec yes) & echo $! > '{}'; sleep 0.2", file.display());
    run_before(&before(vec![shell(&line, LONG)]), &Cancel::default()).unwrap();
    let line = format!("sleep 600 & echo $! > '{}'", file.display());
    run_before(&before(vec![shell(&line, LONG)]), &Cancel::default()).unwrap();
    assert!(began.elapsed() < LONG);
    let pid = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn output_without_end_or_sense_is_bounded() {
    let error = failure("head -c 50000000 /dev/zero | tr '\\0' 'x'; echo; echo the end; exit 1", LONG);
    assert!(error.to_string().contains("it said: the end"), "{error}");
    assert!(error.to_string().len() < 5000, "{}", error.to_string().len());
    let error = failure("yes | head -n 1000000; exit 1", LONG);
    assert!(error.to_string().len() < 5000);
    let error = failure("printf 'a\\377b\\033[31m\\n'; exit 1", LONG);
    assert!(error.to_string().contains("a\u{fffd}b\\u{1b}[31m"), "{error}");
}

#[test]
fn it_is_told_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let (environment, input) = (folder.path().join("environment"), folder.path().join("input"));
    let line = format!("env | grep ^CADANGKAN_ > '{}'; cat > '{}'", environment.display(), input.display());
    let settings = HookSettings { after: Some(vec![shell(&line, LONG)]), ..HookSettings::default() };
    let made = |database: &str, size_bytes| Made {
        backup_id: first_id(),
        database: database.to_owned(),
        size_bytes,
        storages: vec!["home".to_owned(), "usb".to_owned()],
        failed_storages: vec!["nas".to_owned()],
    };
    let error = Error::new(ErrorKind::Partial, format!("no \0 room {}", "é".repeat(5000)));
    let end = End { status: RunStatus::Partial, made: vec![made("a", 5), made("b", 7)], error: Some(&error) };
    let cancel = Cancel::default();
    let control = Control { cancel: &cancel, reporter: &NoReporter, clock: &SystemClock };
    let name = Name::new("shop").unwrap();
    Hooks::new(settings).after(&about(&name), &end, &control).unwrap();
    let environment = std::fs::read_to_string(environment).unwrap();
    for part in [
        "CADANGKAN_EVENT=after\n",
        "CADANGKAN_KIND=backup\n",
        "CADANGKAN_DATABASE=shop\n",
        "CADANGKAN_TRIGGER=manual\n",
        "CADANGKAN_RUN=7\n",
        "CADANGKAN_STATUS=partial\n",
        "CADANGKAN_SIZE_BYTES=12\n",
        "CADANGKAN_STORAGES=home usb\n",
        "CADANGKAN_FAILED_STORAGES=nas\n",
        "CADANGKAN_ERROR=no  room é",
    ] {
        assert!(environment.contains(part), "{part}: {environment}");
    }
    let id = first_id();
    assert!(environment.contains(&format!("CADANGKAN_BACKUP_ID={id} {id}\n")), "{environment}");
    let told: Value = serde_json::from_slice(&std::fs::read(input).unwrap()).unwrap();
    assert_eq!(told["backups"][1]["size_bytes"], 7);
    assert_eq!(
        (&told["event"], &told["run"], &told["error"]["code"]),
        (&json!("after"), &json!(7), &json!("partial"))
    );
}

fn first_id() -> cadangkan_core::BackupId {
    cadangkan_core::BackupId::new(Timestamp::UNIX_EPOCH)
}

#[test]
fn it_need_not_read_what_it_is_told() {
    let huge = Error::new(ErrorKind::Io, "x".repeat(4 << 20));
    let settings = HookSettings { on_failure: Some(vec![shell("true", LONG)]), ..HookSettings::default() };
    let end = End { status: RunStatus::Failed, made: Vec::new(), error: Some(&huge) };
    let cancel = Cancel::default();
    let control = Control { cancel: &cancel, reporter: &NoReporter, clock: &SystemClock };
    Hooks::new(settings).after(&about(&Name::new("shop").unwrap()), &end, &control).unwrap();
}

#[test]
fn what_comes_after_is_all_done_also_when_somebody_stopped_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reached");
    let hooks = vec![shell("exit 4", LONG), shell(&format!("touch '{}'", file.display()), LONG)];
    let settings =
        HookSettings { after: Some(vec![shell("false", LONG)]), on_failure: Some(hooks), before: None };
    let hooks = Hooks::new(settings);
    let stopped = Error::new(ErrorKind::Cancelled, "stopped on request");
    let end = End { status: RunStatus::Cancelled, made: Vec::new(), error: Some(&stopped) };
    let cancel = Cancel::default();
    cancel.cancel();
    let control = Control { cancel: &cancel, reporter: &NoReporter, clock: &SystemClock };
    let error = hooks.after(&about(&Name::new("shop").unwrap()), &end, &control).unwrap_err();
    assert!(error.to_string().contains("on_failure 1 (exit)"), "{error}");
    assert!(file.exists());
    // The run's own failure is told; this is no second one.
    hooks.told().unwrap();
}

/// Answers one request after the other, and returns what was asked.
fn serve(answers: &'static [&'static str]) -> (u16, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    #[allow(clippy::disallowed_methods, reason = "it ends with the test, which joins it")]
    let server = std::thread::spawn(move || {
        answers
            .iter()
            .map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let (mut asked, mut buffer) = (Vec::new(), [0; 4096]);
                while !String::from_utf8_lossy(&asked).ends_with('}') {
                    let count = stream.read(&mut buffer).unwrap();
                    asked.extend_from_slice(&buffer[..count]);
                }
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8(asked).unwrap()
            })
            .collect()
    });
    (port, server)
}

#[test]
fn addresses_get_it_as_json() {
    let (port, server) = serve(&[
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 500 No\r\ncontent-length: 100000000\r\n\r\nx",
    ]);
    let post = || Hook {
        action: Action::Post {
            url: format!("http://127.0.0.1:{port}/SECRET-path?x=1").parse().unwrap(),
            headers: vec![("x-token".parse().unwrap(), "SECRET".parse().unwrap())],
        },
        ..shell("", Duration::from_secs(20))
    };
    let hooks = before(vec![post()]);
    run_before(&hooks, &Cancel::default()).unwrap();
    for status in ["302", "500"] {
        let error = run_before(&hooks, &Cancel::default()).unwrap_err();
        let text = format!("{error} {:?} {hooks:?}", error.chain(), hooks = hooks.settings);
        assert!(text.contains(status) && !text.contains("SECRET"), "{text}");
    }
    let asked = server.join().unwrap();
    assert!(asked[0].starts_with("POST /SECRET-path?x=1 HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(
        asked[0].contains("x-token: SECRET\r\n") && asked[0].contains("\"event\":\"before\""),
        "{}",
        asked[0]
    );
    // Nobody is there any more; or somebody is, and says nothing.
    let error = run_before(&hooks, &Cancel::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Hook);
    assert!(!format!("{error} {:?}", error.chain()).contains("SECRET"), "{error}");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let hook = Hook {
        action: Action::Post { url: url.parse().unwrap(), headers: Vec::new() },
        ..shell("", Duration::from_millis(300))
    };
    let began = Instant::now();
    run_before(&before(vec![hook]), &Cancel::default()).unwrap_err();
    assert!(began.elapsed() < LONG);
}
