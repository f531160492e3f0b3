use cadangkan_core::{Cancel, Frame, NoReporter};
use cadangkan_engine::conformance::{self, Subject};
use cadangkan_engine::{DumpRequest, FrameSink};

use super::*;
use crate::FakeClock;

struct Fake(FakeServer);

impl Subject for Fake {
    fn source(&self) -> Box<dyn Engine> {
        self.0.engine()
    }

    fn fill(&self, seed: u64) {
        self.0.fill(seed, 3000);
    }

    fn change(&self) {
        self.0.change();
    }

    fn empty_target(&self) -> Box<dyn Engine> {
        FakeServer::new().engine()
    }
}

#[test]
fn holds_to_the_contract() {
    conformance::run(&Fake(FakeServer::new()));
}

struct Nowhere;

impl FrameSink for Nowhere {
    fn buffer(&self, _: usize) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn send(&self, _: Frame) -> Result<()> {
        Ok(())
    }
}

fn dump(server: &FakeServer, cancel: &Cancel) -> Result<()> {
    let clock = FakeClock::default();
    let control = Control { cancel, reporter: &NoReporter, clock: &clock };
    let snapshot = server.engine().begin_snapshot(&DumpRequest::default(), &control)?;
    for unit in snapshot.units() {
        snapshot.dump(unit, &Nowhere, &control)?;
    }
    snapshot.end(&control).map(|_| ())
}

#[test]
fn every_fault_happens_once() {
    let server = FakeServer::new();
    server.fill(1, 100);
    for (fault, kind) in [
        (Fault::FailToConnect(ErrorKind::Unreachable), ErrorKind::Unreachable),
        (Fault::FailAtRow(7, ErrorKind::Timeout), ErrorKind::Timeout),
        (Fault::FailAtEnd(ErrorKind::DamagedSource), ErrorKind::DamagedSource),
    ] {
        server.inject(fault);
        assert_eq!(dump(&server, &Cancel::default()).unwrap_err().kind(), kind);
        assert!(server.pending_faults().is_empty());
        dump(&server, &Cancel::default()).unwrap();
    }
}

#[test]
fn a_blocked_dump_ends_when_it_is_cancelled() {
    let server = FakeServer::new();
    server.fill(1, 100);
    server.inject(Fault::BlockAtRow(5));
    let cancel = Cancel::default();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| dump(&server, &cancel));
        while !server.pending_faults().is_empty() {
            std::thread::yield_now();
        }
        assert!(!run.is_finished());
        cancel.cancel();
        assert_eq!(run.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    });
}
