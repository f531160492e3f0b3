use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command};

use cadangkan_catalog::{Catalog, NewRun, RunFilter, RunKind, RunStatus};
use cadangkan_core::{ErrorKind, Level};
use serde_json::Value;

use crate::support::at;

const CHILD: &str = "CADANGKAN_TEST_CHILD";
const PROCESSES: usize = 3;
const RUNS: usize = 15;

fn write_runs(path: &Path) {
    let catalog = Catalog::open(path).unwrap();
    let holder = format!("{}@host", std::process::id());
    for _ in 0..RUNS {
        let run = NewRun {
            kind: RunKind::Backup,
            database: None,
            trigger: "manual",
            initiator: "test",
            ticket: None,
            options: &Value::Null,
            started_at: at(0),
            holder: &holder,
        };
        let id = catalog.begin_run(&run).unwrap();
        catalog.log(id, at(0), Level::Info, &holder, None).unwrap();
        catalog.finish_run(id, at(1), RunStatus::Completed, None, None).unwrap();
    }
}

/// Also makes the catalog at once, since none of them finds one.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test tells its own children what to do")]
fn processes_that_write_at_once_lose_nothing() {
    if let Some(path) = std::env::var_os(CHILD) {
        return write_runs(Path::new(&path));
    }
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("catalog.db");
    let start = |_| -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "processes::processes_that_write_at_once_lose_nothing"]);
        command.env(CHILD, &path).stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let children: Vec<Child> = (0..PROCESSES).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let catalog = Catalog::open(&path).unwrap();
    let runs = catalog.runs(&RunFilter::default()).unwrap();
    assert_eq!(runs.len(), PROCESSES * RUNS);
    assert_eq!(runs.iter().map(|run| run.id).collect::<BTreeSet<_>>().len(), runs.len());
    for run in &runs {
        let log = catalog.run_log(run.id).unwrap();
        assert_eq!((log.len(), &log[0].message), (1, &run.holder));
    }
}

#[test]
fn threads_share_one_catalog() {
    let place = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&place.path().join("catalog.db")).unwrap();
    let run = NewRun {
        kind: RunKind::Backup,
        database: None,
        trigger: "manual",
        initiator: "test",
        ticket: None,
        options: &Value::Null,
        started_at: at(0),
        holder: "1@host",
    };
    let id = catalog.begin_run(&run).unwrap();
    let ended = std::thread::scope(|scope| {
        let end = || catalog.finish_run(id, at(1), RunStatus::Completed, None, None);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(end)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let (won, lost): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 3), "a run ends once");
    assert!(lost.into_iter().all(|lost| lost.unwrap_err().kind() == ErrorKind::Conflict));
}
