use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A watcher that writes lines, with a clock that is turned by hand, in milliseconds.
fn watched(verbose: bool) -> (Watcher, Page, Arc<AtomicU64>) {
    let (page, clock) = (Page::default(), Arc::new(AtomicU64::new(0)));
    let read = Arc::clone(&clock);
    let elapsed: Elapsed = Box::new(move || Duration::from_millis(read.load(Ordering::SeqCst)));
    let watcher =
        Watcher::new(Output::Lines(Box::new(page.clone())), Style::new(false, true), verbose, elapsed);
    (watcher, page, clock)
}

fn text(page: &Page) -> String {
    String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
}

fn bytes(bytes: u64) -> Event<'static> {
    Event::Progress(Progress { bytes, total_bytes: Some(1000), ..Progress::default() })
}

#[test]
fn a_pipe_gets_a_line_per_step_and_few_between() {
    let (watcher, page, clock) = watched(false);
    watcher.report(&bytes(1));
    watcher.report(&Event::Step { name: "dump" });
    for (milliseconds, done) in
        [(100, 50), (900, 400), (1_000, 500), (1_500, 900), (5_000, 590), (15_000, 591)]
    {
        clock.store(milliseconds, Ordering::SeqCst);
        watcher.report(&bytes(done));
    }
    watcher.report(&Event::Step { name: "seal \u{1b}manifest" });
    clock.store(15_400, Ordering::SeqCst);
    watcher.finish(false);
    watcher.finish(true);
    let expected = "  dump 50%  500 B of 1.0 kB  500 B/s  1.0s left
  dump 59%  591 B of 1.0 kB  39 B/s  11s left
✓ dump 15s
✗ seal \\u{1b}manifest 0.4s
";
    assert_eq!(text(&page), expected);
}

#[test]
fn several_storages_are_told_apart_within_a_step() {
    let (watcher, page, clock) = watched(false);
    let names = ["home", "cloud"].map(|name| cadangkan_core::Name::new(name).unwrap());
    let storage = |number: usize, bytes, seconds| cadangkan_core::StorageProgress {
        storage: &names[number],
        bytes,
        took: Duration::from_secs(seconds),
    };
    watcher.report(&Event::Step { name: "dump" });
    clock.store(1_000, Ordering::SeqCst);
    watcher.report(&Event::Storages(&[storage(0, 400, 0), storage(1, 200, 2)]));
    watcher.report(&bytes(500));
    watcher.report(&Event::Step { name: "read back" });
    clock.store(2_000, Ordering::SeqCst);
    watcher.report(&bytes(500));
    watcher.finish(true);
    let expected = "  dump 50%  500 B of 1.0 kB  500 B/s  1.0s left  home 400 B, cloud 200 B at 100 B/s
✓ dump 1.0s
  read back 50%  500 B of 1.0 kB  500 B/s  1.0s left
✓ read back 1.0s
";
    assert_eq!(text(&page), expected);
}

#[test]
fn messages_have_marks_and_are_safe() {
    for (verbose, debug) in [(false, ""), (true, "details\n")] {
        let (watcher, page, _) = watched(verbose);
        for (level, text) in [
            (Level::Debug, "details"),
            (Level::Info, "two\nlines"),
            (Level::Warning, "odd"),
            (Level::Error, "bad"),
        ] {
            watcher.report(&Event::Message { level, text });
        }
        assert_eq!(text(&page), format!("{debug}two\\nlines\n⚠ odd\n✗ bad\n"));
    }
}

#[test]
fn warnings_are_heard_also_when_quiet() {
    let shown = |output: fn(Page) -> Output| {
        let page = Page::default();
        let watcher = Watcher::new(output(page.clone()), Style::default(), true, Box::new(|| Duration::ZERO));
        watcher.report(&Event::Step { name: "dump" });
        for (level, text) in
            [(Level::Debug, "d"), (Level::Info, "i"), (Level::Warning, "a\nb"), (Level::Error, "e")]
        {
            watcher.report(&Event::Message { level, text });
        }
        watcher.finish(true);
        text(&page)
    };
    assert_eq!(shown(|page| Output::Quiet(Box::new(page))), "! a\\nb\nx e\n");
    let json = "{\"warning\":\"a\\nb\"}\n{\"failure\":\"e\"}\n";
    assert_eq!(shown(|page| Output::Json(Box::new(page))), json);
}

#[test]
fn quiet_and_broken_outputs_are_fine() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    let outputs = [
        Output::Quiet(Box::new(Broken)),
        Output::Json(Box::new(Broken)),
        Output::Lines(Box::new(Broken)),
        Output::Bar(ProgressDrawTarget::hidden()),
    ];
    for output in outputs {
        let watcher = Watcher::new(output, Style::default(), true, Box::new(|| Duration::from_secs(60)));
        watcher.report(&Event::Step { name: "dump" });
        watcher.report(&bytes(10));
        watcher.report(&Event::Message { level: Level::Info, text: "x" });
        watcher.finish(true);
    }
}
