//! Two runs at once.

use std::sync::mpsc;
use std::time::Duration;

use cadangkan_catalog::BackupFilter;
use cadangkan_core::{ErrorKind, Event, NoReporter, Reporter};
use cadangkan_ops::backup::{BackupRequest, backup};
use cadangkan_ops::cleanup;

use crate::support::{World, failure, request};

/// Stops at a step until it is told to go on.
struct Gate {
    reached: mpsc::Sender<()>,
    go_on: std::sync::Mutex<mpsc::Receiver<()>>,
}

impl Reporter for Gate {
    fn report(&self, event: &Event<'_>) {
        if *event == (Event::Step { name: "dump" }) {
            self.reached.send(()).unwrap();
            self.go_on.lock().unwrap().recv_timeout(Duration::from_secs(60)).unwrap();
        }
    }
}

#[test]
fn a_second_backup_is_told_who_is_at_work_or_waits() {
    let world = World::new();
    let locks = world.folder.join("locks");
    let (reached_sender, reached) = mpsc::channel();
    let (go_on, go_on_receiver) = mpsc::channel();
    let gate = Gate { reached: reached_sender, go_on: go_on_receiver.into() };
    let context = world.context(&gate, &locks);
    let other = world.context(&NoReporter, &locks);
    let waiting = BackupRequest { wait: Duration::from_secs(60), ..request() };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| backup(&context, world.database(), &[world.place()], &request()));
        reached.recv_timeout(Duration::from_secs(60)).unwrap();
        let error = failure(backup(&other, world.database(), &[world.place()], &request()));
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.message().contains("the test"), "{error}");
        // Cleaning up would take away what the first one is writing.
        assert_eq!(
            failure(cleanup::plan(&other, world.database(), &[world.place()])).kind(),
            ErrorKind::Locked
        );
        let (world, other, waiting) = (&world, &other, &waiting);
        let second = scope.spawn(move || backup(other, world.database(), &[world.place()], waiting));
        go_on.send(()).unwrap();
        first.join().unwrap().unwrap();
        second.join().unwrap().unwrap();
    });
    assert_eq!(world.catalog.count_backups(&BackupFilter::default()).unwrap().0, 2);
}

#[test]
fn stopping_removes_what_was_written() {
    let world = World::new();
    let locks = world.folder.join("locks");
    for step in
        ["begin snapshot", "dump", "check the snapshot", "close archive", "read back", "seal manifest"]
    {
        let world = World { cancel: cadangkan_core::Cancel::default(), ..World::open(&world.folder) };
        let stop = crate::restore::StopAt { step, cancel: &world.cancel };
        let context = world.context(&stop, &locks);
        let error = failure(backup(&context, world.database(), &[world.place()], &request()));
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{step}");
        assert!(world.files("backups").is_empty(), "{step}");
        let run = world
            .catalog
            .runs(&cadangkan_catalog::RunFilter { limit: Some(1), ..Default::default() })
            .unwrap()
            .remove(0);
        assert_eq!(run.status, cadangkan_catalog::RunStatus::Cancelled, "{step}");
    }
}
