use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;

use cadangkan_core::{Control, Error, ErrorKind, Result, first_cause};

/// Does something with each item on up to `threads` threads, and returns what came of it, in no order. The first
/// failure stops the others, by the control that `work` is given.
pub fn each<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    control: &Control<'_>,
    work: impl Fn(&T, &Control<'_>) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let stop = control.cancel.child();
    let control = &Control { cancel: &stop, ..*control };
    let worker = || -> Result<Vec<R>> {
        let mut done = Vec::new();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            control.check()?;
            done.push(work(item, control).inspect_err(|_| stop.cancel())?);
        }
        Ok(done)
    };
    let results = scope(|scope| {
        let workers: Vec<_> = (0..threads.min(items.len())).map(|_| scope.spawn(worker)).collect();
        let panicked = || Err(Error::new(ErrorKind::Internal, "a thread of the engine panicked"));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| panicked())).collect()
    });
    Ok(first_cause(results)?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use cadangkan_core::quietly;

    use super::*;

    #[test]
    fn each_item_is_done_once() {
        let items: Vec<u32> = (0..1000).collect();
        let mut done = quietly(|control| each(&items, 4, control, |item, _| Ok(item * 2))).unwrap();
        done.sort_unstable();
        assert_eq!(done, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(quietly(|control| each(&[0; 0], 4, control, |_, _| Ok(()))).unwrap().is_empty());
    }

    #[test]
    fn the_first_failure_stops_the_others_and_is_told() {
        // Every thread waits for the failure of another, or fails.
        let error = quietly(|control| {
            each(&[1, 2, 3], 3, control, |item, control| match item {
                2 => Err(Error::new(ErrorKind::Conflict, "this one")),
                _ => loop {
                    control.check()?;
                    std::thread::yield_now();
                },
            })
            .map(|_: Vec<()>| ())
        });
        assert_eq!(error.unwrap_err().message(), "this one");
    }
}
