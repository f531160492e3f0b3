//! Runs the definitions that need rows, several at once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::scope;
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result, first_cause};

use super::entries::Runner;
use super::look::code;
use super::pool::Pool;
use super::rows::Count;
use crate::script::{self, Entry, Job, QualifiedName, REFRESH_STAGE};

/// How long to wait before the control is asked again.
const TURN: Duration = Duration::from_millis(200);

/// How often a statement is tried that lost to another one.
const TRIES: usize = 4;

/// The stage of indexes and of constraints that have one.
const INDEX_STAGE: u8 = 1;

/// So many waiting jobs are looked at for one that may run beside the others.
const WINDOW: usize = 1000;

/// Runs entries over all connections of the pool: stage after stage, and never two at once that lock the same table
/// against each other. Those of the tables with most rows begin first.
pub(super) fn run(
    pool: &Pool,
    entries: Vec<Entry>,
    runner: &Runner,
    counts: &BTreeMap<ObjectName, Count>,
    control: &Control<'_>,
) -> Result<()> {
    let mut waiting = script::jobs(entries);
    let weight = |job: &Job| {
        let tables = job.exclusive.iter().chain(&job.shared);
        tables
            .filter_map(|table| counts.get(&table.object()))
            .map(|count| count.bytes)
            .max()
            .unwrap_or_default()
    };
    // Indexes take longest, and do not depend on each other.
    waiting.sort_by_key(|job| (job.stage, Reverse(if job.stage == INDEX_STAGE { weight(job) } else { 0 })));
    let stop = control.cancel.child();
    let control = &Control { cancel: &stop, ..*control };
    let board = Board {
        state: Mutex::new(State { waiting: waiting.into(), ..State::default() }),
        changed: Condvar::new(),
    };
    let worker = || -> Result<()> {
        while let Some(job) = board.next(control)? {
            let result = run_one(pool, &job, runner, control);
            board.done(&job);
            result.inspect_err(|_| stop.cancel())?;
        }
        Ok(())
    };
    let results = scope(|scope| {
        let workers: Vec<_> = (0..pool.width()).map(|_| scope.spawn(worker)).collect();
        let panicked = || Err(Error::new(ErrorKind::Internal, "a thread that builds definitions panicked"));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| panicked())).collect::<Vec<_>>()
    });
    first_cause(results).map(drop)
}

fn run_one(pool: &Pool, job: &Job, runner: &Runner, control: &Control<'_>) -> Result<()> {
    pool.with(control, |connection| {
        for _ in 1..TRIES {
            match runner.run(connection, &job.entry, control) {
                Err(error)
                    if !connection.in_transaction()
                        && lost_to_another(&error)
                        && job.entry.statements.len() == 1 => {}
                other => return other,
            }
        }
        runner.run(connection, &job.entry, control)
    })
}

/// Deadlock, lock timeout, serialization: nothing was done, and it may work now.
fn lost_to_another(error: &Error) -> bool {
    matches!(code(error), Some("40P01" | "55P03" | "40001"))
}

/// What waits and what runs.
struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    running: usize,
    stage: u8,
    exclusive: Vec<QualifiedName>,
    shared: HashMap<QualifiedName, usize>,
}

impl Board {
    /// The next job that is in nobody's way; none when all are done.
    fn next(&self, control: &Control<'_>) -> Result<Option<Job>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            control.check()?;
            if let Some(job) = state.take() {
                return Ok(Some(job));
            }
            if state.waiting.is_empty() {
                return Ok(None);
            }
            state = self.changed.wait_timeout(state, TURN).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn done(&self, job: &Job) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running -= 1;
        for table in &job.exclusive {
            if let Some(place) = state.exclusive.iter().position(|held| held == table) {
                state.exclusive.swap_remove(place);
            }
        }
        for table in &job.shared {
            if let Some(count) = state.shared.get_mut(table) {
                *count = count.saturating_sub(1);
            }
        }
        self.changed.notify_all();
    }
}

impl State {
    /// Takes the first job that may run beside those that do. From the refreshes on, jobs run one after the other:
    /// materialized views may read each other, and privileges depend on those before them.
    fn take(&mut self) -> Option<Job> {
        let first = self.waiting.front()?.stage;
        if self.running > 0 && (first != self.stage || first >= REFRESH_STAGE) {
            return None;
        }
        self.stage = first;
        let place = self.free_place()?;
        let job = self.waiting.remove(place)?;
        self.running += 1;
        self.exclusive.extend(job.exclusive.iter().cloned());
        for table in &job.shared {
            *self.shared.entry(table.clone()).or_default() += 1;
        }
        Some(job)
    }

    /// The place of the first waiting job that is in the way of nothing that runs, and of no job before it: of two
    /// that want the same table, the first one may be what the other needs. Indexes never need each other.
    fn free_place(&self) -> Option<usize> {
        let (mut exclusive, mut shared): (HashSet<&QualifiedName>, HashSet<&QualifiedName>) =
            Default::default();
        exclusive.extend(&self.exclusive);
        shared.extend(self.shared.iter().filter(|(_, count)| **count > 0).map(|(table, _)| table));
        let waiting = self.waiting.iter().enumerate().take(WINDOW);
        for (place, job) in waiting.take_while(|(_, job)| job.stage == self.stage) {
            let held = |table: &QualifiedName| exclusive.contains(table);
            let is_free = !job.exclusive.iter().any(|table| held(table) || shared.contains(table))
                && !job.shared.iter().any(held);
            if is_free {
                return Some(place);
            }
            if job.stage != INDEX_STAGE {
                exclusive.extend(&job.exclusive);
                shared.extend(&job.shared);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Header;

    fn job(name: &str, stage: u8, exclusive: &[&str], shared: &[&str]) -> Job {
        let tables = |names: &[&str]| names.iter().map(|name| QualifiedName::of("s", *name)).collect();
        let header = Header::new(name, "INDEX", None, None);
        let entry = Entry { header, statements: Vec::new(), settings: Vec::new() };
        Job { entry, stage, exclusive: tables(exclusive), shared: tables(shared) }
    }

    fn board(waiting: Vec<Job>) -> Board {
        Board {
            state: Mutex::new(State { waiting: waiting.into(), ..State::default() }),
            changed: Condvar::new(),
        }
    }

    fn take(board: &Board) -> Option<Job> {
        board.state.lock().unwrap().take()
    }

    fn name(job: &Option<Job>) -> Option<&str> {
        job.as_ref().map(|job| job.entry.header.name.as_str())
    }

    #[test]
    fn jobs_that_lock_each_other_out_wait() {
        let board = board(vec![
            job("a", 1, &[], &["t"]),
            job("b", 1, &["t"], &[]),
            job("c", 1, &[], &["t"]),
            job("d", 3, &["t", "u"], &[]),
        ]);
        let (first, second) = (take(&board), take(&board));
        assert_eq!((name(&first), name(&second)), (Some("a"), Some("c")));
        assert!(take(&board).is_none());
        board.done(&first.unwrap());
        assert!(take(&board).is_none());
        board.done(&second.unwrap());
        let third = take(&board);
        assert_eq!(name(&third), Some("b"));
        assert!(take(&board).is_none(), "the next stage waits for the one before");
        board.done(&third.unwrap());
        assert_eq!(name(&take(&board)), Some("d"));
    }

    #[test]
    fn a_job_does_not_pass_one_that_it_may_need() {
        let board = board(vec![
            job("a", 4, &["t"], &[]),
            job("view", 4, &["v"], &["t"]),
            job("view of it", 4, &["w"], &["v"]),
            job("other", 4, &["u"], &[]),
        ]);
        let first = take(&board);
        assert_eq!((name(&first), name(&take(&board))), (Some("a"), Some("other")));
        assert!(take(&board).is_none());
        board.done(&first.unwrap());
        assert_eq!(name(&take(&board)), Some("view"));
        assert!(take(&board).is_none());
    }

    #[test]
    fn late_stages_run_one_after_the_other() {
        let board = board(vec![job("a", 5, &[], &["t"]), job("b", 5, &[], &["u"])]);
        let first = take(&board);
        assert!(take(&board).is_none());
        board.done(&first.unwrap());
        assert_eq!(name(&take(&board)), Some("b"));
    }
}
