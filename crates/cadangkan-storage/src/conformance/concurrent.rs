use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use cadangkan_core::ErrorKind;

use super::{Subject, key};

const WRITERS: u8 = 6;

pub(super) fn creators(subject: &Subject) {
    if !subject.storage.capabilities().atomic_create {
        return;
    }
    for round in 0..10 {
        let name = format!("race/{round}");
        let (barrier, winners) = (Barrier::new(WRITERS.into()), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for number in 0..WRITERS {
                let (name, barrier, winners) = (&name, &barrier, &winners);
                scope.spawn(move || {
                    let mut writer = subject.begin(name, false);
                    subject.ok(writer.write(&[number; 1000]), "write");
                    barrier.wait();
                    match writer.close() {
                        Ok(_) => drop(winners.fetch_add(1, Ordering::SeqCst)),
                        Err(error) => subject.fails::<()>(Err(error), ErrorKind::Conflict, "losing a race"),
                    }
                });
            }
        });
        let winners = winners.into_inner();
        subject.ensure(winners == 1, &format!("{winners} of {WRITERS} creators were told that they won"));
        whole(subject, &name);
        subject.ok(subject.storage.delete(&key(&name)), "delete");
    }
    subject.holds_only(&[]);
}

pub(super) fn writers(subject: &Subject) {
    let barrier = Barrier::new(WRITERS.into());
    std::thread::scope(|scope| {
        for number in 0..WRITERS {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                let mut writer = subject.begin("race/object", true);
                subject.ok(writer.write(&[number; 500]), "write");
                subject.ok(writer.write(&[number; 500]), "write");
                subject.ok(writer.close(), "close");
            });
        }
    });
    whole(subject, "race/object");
    subject.holds_only(&["race/object"]);
}

pub(super) fn folders(subject: &Subject) {
    let barrier = Barrier::new(WRITERS.into());
    std::thread::scope(|scope| {
        for number in 0..WRITERS {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                for _ in 0..subject.races {
                    let name = format!("deep/er/folder/{number}");
                    subject.put(&name, b"bytes");
                    subject.ok(subject.storage.list(""), "list");
                    subject.ok(subject.storage.delete(&key(&name)), "delete");
                }
            });
        }
    });
    subject.holds_only(&[]);
}

/// The object is all of one writer's bytes.
fn whole(subject: &Subject, name: &str) {
    let bytes = subject.get(name, None);
    let first = bytes.first().copied();
    let whole = bytes.len() == 1000 && bytes.iter().all(|byte| Some(*byte) == first);
    subject.ensure(whole, "the object is mixed of several writers' bytes");
}
