//! Runs the definitions that need rows, several at once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::scope;
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result, first_cause};

use super::entries::Runner;
use super::finish::analyze_one;
use super::look::code;
use super::pool::Pool;
use super::rows::Count;
use crate::script::{self, Entry, FOREIGN_KEY_STAGE, INDEX_STAGE, Job, QualifiedName, REFRESH_STAGE};

/// How long to wait before the control is asked again.
const TURN: Duration = Duration::from_millis(200);

/// How often a statement is tried that lost to another one.
const TRIES: usize = 4;

/// So many waiting jobs are looked at for one that may run beside the others.
const WINDOW: usize = 1000;

/// Runs entries over all connections of the pool: stage after stage, and never two at once that lock the same table
/// against each other. Those begin first that most is waiting for.
///
/// Statistics of the tables in `analyzed` are gathered beside, as soon as nothing else is to be made for each.
pub(super) fn run(
    pool: &Pool,
    entries: Vec<Entry>,
    runner: &Runner,
    counts: &BTreeMap<ObjectName, Count>,
    analyzed: &[QualifiedName],
    control: &Control<'_>,
) -> Result<()> {
    let mut waiting = script::jobs(entries);
    waiting.extend(analyzed.iter().cloned().map(Job::analyze));
    order(&mut waiting, counts);
    let stop = control.cancel.child();
    let control = &Control { cancel: &stop, ..*control };
    let board = Board::new(waiting);
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

/// Puts jobs in the order of their stages; within that of indexes those first whose tables have foreign keys that read
/// more than they do, then the largest: the way from a table's rows to its last foreign key is the longest.
fn order(jobs: &mut [Job], counts: &BTreeMap<ObjectName, Count>) {
    let weight = |job: &Job| {
        let known = job.tables().filter_map(|table| counts.get(&table.object()));
        known.map(|count| count.bytes).max().unwrap_or_default()
    };
    let mut behind: HashMap<QualifiedName, u64> = HashMap::new();
    for job in jobs.iter().filter(|job| job.stage == FOREIGN_KEY_STAGE && job.exclusive.len() > 1) {
        for table in &job.exclusive {
            *behind.entry(table.clone()).or_default() += weight(job);
        }
    }
    let place = |job: &Job| {
        if job.stage != INDEX_STAGE {
            return (false, Reverse(0));
        }
        let (own, after) = (weight(job), job.tables().filter_map(|table| behind.get(table)).sum::<u64>());
        (own > after, Reverse(own.saturating_add(after)))
    };
    jobs.sort_by_key(|job| (job.stage, place(job)));
}

fn run_one(pool: &Pool, job: &Job, runner: &Runner, control: &Control<'_>) -> Result<()> {
    if job.is_analyze() {
        return job.entry.statements.iter().try_for_each(|statement| analyze_one(pool, statement, control));
    }
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
    /// Whether there are indexes of partitions to be put together.
    attaches: bool,
    exclusive: Vec<QualifiedName>,
    shared: HashMap<QualifiedName, usize>,
}

impl Board {
    fn new(waiting: Vec<Job>) -> Board {
        let attaches = waiting.iter().any(|job| job.stage > INDEX_STAGE && job.stage < FOREIGN_KEY_STAGE);
        let state = State { waiting: waiting.into(), attaches, ..State::default() };
        Board { state: Mutex::new(state), changed: Condvar::new() }
    }

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
        if self.running > 0 && (!self.is_together(first, self.stage) || first >= REFRESH_STAGE) {
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

    /// Whether jobs of two stages may run beside each other. Foreign keys need the indexes of their own two tables
    /// only, unless indexes of partitions are first put together: that names no tables.
    fn is_together(&self, one: u8, other: u8) -> bool {
        let early = |stage| matches!(stage, INDEX_STAGE | FOREIGN_KEY_STAGE);
        one == other || (!self.attaches && early(one) && early(other))
    }

    /// The place of the first waiting job that is in the way of nothing that runs, and of no job before it: of two
    /// that want the same table, the first one may be what the other needs. Indexes never need each other.
    fn free_place(&self) -> Option<usize> {
        let (mut exclusive, mut shared): (HashSet<&QualifiedName>, HashSet<&QualifiedName>) =
            Default::default();
        let mut indexed: HashSet<&QualifiedName> = HashSet::new();
        exclusive.extend(&self.exclusive);
        shared.extend(self.shared.iter().filter(|(_, count)| **count > 0).map(|(table, _)| table));
        let waiting = self.waiting.iter().enumerate().take(WINDOW);
        for (place, job) in waiting.take_while(|(_, job)| self.is_together(job.stage, self.stage)) {
            let held = |table: &QualifiedName| exclusive.contains(table);
            let is_free = !job.exclusive.iter().any(|table| held(table) || shared.contains(table))
                && !job.shared.iter().any(held)
                && (job.stage == INDEX_STAGE || !job.tables().any(|table| indexed.contains(table)));
            if is_free {
                return Some(place);
            }
            if job.stage == INDEX_STAGE {
                indexed.extend(job.tables());
            } else {
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

    fn take(board: &Board) -> Option<Job> {
        board.state.lock().unwrap().take()
    }

    fn name(job: &Option<Job>) -> Option<&str> {
        job.as_ref().map(|job| job.entry.header.name.as_str())
    }

    #[test]
    fn a_foreign_key_waits_for_the_indexes_of_its_own_tables_only() {
        let jobs = || {
            vec![
                job("index of t", 1, &[], &["t"]),
                job("key of u", 1, &["u"], &[]),
                job("other index of t", 1, &[], &["t"]),
                job("foreign key", 3, &["u", "v"], &[]),
                job("foreign key of t", 3, &["t", "v"], &[]),
            ]
        };
        let board = Board::new(jobs());
        let (index, key, other) = (take(&board).unwrap(), take(&board).unwrap(), take(&board).unwrap());
        assert!(take(&board).is_none());
        board.done(&key);
        let foreign = take(&board);
        assert_eq!(name(&foreign), Some("foreign key"));
        board.done(&index);
        board.done(&foreign.unwrap());
        assert!(take(&board).is_none(), "an index of t is still made");
        board.done(&other);
        assert_eq!(name(&take(&board)), Some("foreign key of t"));

        let mut partitioned = jobs();
        partitioned.insert(3, job("attach", 2, &["i"], &[]));
        let board = Board::new(partitioned);
        let (index, key) = (take(&board).unwrap(), take(&board).unwrap());
        let other = take(&board).unwrap();
        [&index, &key].into_iter().for_each(|job| board.done(job));
        assert!(take(&board).is_none(), "indexes are put together when all are there");
        board.done(&other);
        assert_eq!(name(&take(&board)), Some("attach"));
        assert!(take(&board).is_none());
    }

    #[test]
    fn what_most_waits_for_begins_first() {
        let of = |name: &str| QualifiedName::of("s", name).object();
        let count = |bytes| Count { rows: 1, bytes };
        let counts =
            BTreeMap::from([(of("big"), count(100)), (of("linked"), count(90)), (of("small"), count(1))]);
        let mut jobs = vec![
            job("big", 1, &[], &["big"]),
            job("linked", 1, &[], &["linked"]),
            job("small", 1, &["small"], &[]),
            job("foreign key", 3, &["linked", "small"], &[]),
            job("statistics", 3, &["big"], &[]),
        ];
        order(&mut jobs, &counts);
        let names: Vec<_> = jobs.iter().map(|job| job.entry.header.name.as_str()).collect();
        assert_eq!(names, ["linked", "small", "big", "foreign key", "statistics"]);
    }

    #[test]
    fn jobs_that_lock_each_other_out_wait() {
        let board = Board::new(vec![
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
        let board = Board::new(vec![
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
        let board = Board::new(vec![job("a", 5, &[], &["t"]), job("b", 5, &[], &["u"])]);
        let first = take(&board);
        assert!(take(&board).is_none());
        board.done(&first.unwrap());
        assert_eq!(name(&take(&board)), Some("b"));
    }
}
