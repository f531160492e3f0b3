//! Makes the definitions that need rows, several at once, and the first of them while rows of other tables come.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::thread::scope;

use cadangkan_core::{Control, Error, ErrorKind, Result, first_cause};

use super::board::Board;
use super::entries::Runner;
use super::finish::analyze_one;
use super::guard::Guard;
use super::look::code;
use super::pool::Pool;
use crate::script::{self, Entry, FOREIGN_KEY_STAGE, INDEX_STAGE, Job, QualifiedName};

/// How often a statement is tried that lost to another one.
const TRIES: usize = 4;

/// Bytes of rows of the tables that are filled, by what they are called here.
pub(super) type Weights = BTreeMap<QualifiedName, u64>;

/// What is to be made when rows are there.
pub(super) struct Jobs {
    board: Board,
    runner: Runner,
    guard: Guard,
}

impl Jobs {
    /// Puts entries in order: stage after stage, never two at once that lock the same table against each other, and
    /// those first that most is waiting for.
    ///
    /// Statistics of the tables in `analyzed` are gathered beside, as soon as the indexes of each are there: foreign
    /// keys are checked by queries, which are planned with them.
    pub(super) fn new(
        entries: Vec<Entry>,
        runner: Runner,
        weights: &Weights,
        analyzed: &[QualifiedName],
        guard: Guard,
    ) -> Jobs {
        let mut waiting = script::jobs(entries);
        waiting.extend(analyzed.iter().cloned().map(Job::analyze));
        order(&mut waiting, weights);
        Jobs { board: Board::new(waiting), runner, guard }
    }

    /// Takes note that all rows of a table are there.
    pub(super) fn loaded(&self, table: QualifiedName) {
        self.board.loaded(table);
    }

    /// Makes what can be made at this moment, one after the other, on one connection.
    pub(super) fn run_ready(&self, pool: &Pool, control: &Control<'_>) -> Result<()> {
        while let Some(job) = self.board.take() {
            self.run(pool, &job, control)?;
        }
        Ok(())
    }

    /// Makes all that is left, over all connections of the pool, now that all rows are there.
    pub(super) fn run_all(&self, pool: &Pool, control: &Control<'_>) -> Result<()> {
        self.board.all_loaded();
        let stop = control.cancel.child();
        let control = &Control { cancel: &stop, ..*control };
        let worker = || -> Result<()> {
            while let Some(job) = self.board.next(control)? {
                self.run(pool, &job, control).inspect_err(|_| stop.cancel())?;
            }
            Ok(())
        };
        let results = scope(|scope| {
            let workers: Vec<_> = (0..pool.width()).map(|_| scope.spawn(worker)).collect();
            let panicked =
                || Err(Error::new(ErrorKind::Internal, "a thread that builds definitions panicked"));
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| panicked())).collect::<Vec<_>>()
        });
        self.guard.end();
        first_cause(results).map(drop)
    }

    fn run(&self, pool: &Pool, job: &Job, control: &Control<'_>) -> Result<()> {
        self.guard.give_way(job, control);
        let result = self.run_one(pool, job, control);
        self.board.done(job);
        result
    }

    fn run_one(&self, pool: &Pool, job: &Job, control: &Control<'_>) -> Result<()> {
        if job.is_analyze() {
            return job
                .entry
                .statements
                .iter()
                .try_for_each(|statement| analyze_one(pool, statement, control));
        }
        pool.with(control, |connection| {
            for _ in 1..TRIES {
                match self.runner.run(connection, &job.entry, control) {
                    Err(error)
                        if !connection.in_transaction()
                            && lost_to_another(&error)
                            && job.entry.statements.len() == 1 => {}
                    other => return other,
                }
            }
            self.runner.run(connection, &job.entry, control)
        })
    }
}

/// Puts jobs in the order of their stages; within that of indexes those first whose tables have foreign keys that read
/// more than they do, then the largest: the way from a table's rows to its last foreign key is the longest. Statistics
/// come before the foreign keys, and of these the largest first.
fn order(jobs: &mut [Job], weights: &Weights) {
    let weight = |job: &Job| {
        let known = job.tables().filter_map(|table| weights.get(table));
        known.max().copied().unwrap_or_default()
    };
    let mut behind: HashMap<QualifiedName, u64> = HashMap::new();
    for job in jobs.iter().filter(|job| job.stage == FOREIGN_KEY_STAGE && job.exclusive.len() > 1) {
        for table in &job.exclusive {
            *behind.entry(table.clone()).or_default() += weight(job);
        }
    }
    let place = |job: &Job| match job.stage {
        INDEX_STAGE => {
            let (own, after) = (weight(job), job.tables().filter_map(|table| behind.get(table)).sum::<u64>());
            (own > after, Reverse(own.saturating_add(after)))
        }
        FOREIGN_KEY_STAGE => (!job.is_analyze(), Reverse(weight(job))),
        _ => (false, Reverse(0)),
    };
    jobs.sort_by_key(|job| (job.stage, place(job)));
}

/// Deadlock, lock timeout, serialization: nothing was done, and it may work now.
fn lost_to_another(error: &Error) -> bool {
    matches!(code(error), Some("40P01" | "55P03" | "40001"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Header;

    #[test]
    fn what_most_waits_for_begins_first() {
        let job = |name: &str, stage, exclusive: &[&str], shared: &[&str]| {
            let tables = |names: &[&str]| names.iter().map(|name| QualifiedName::of("s", *name)).collect();
            let header = Header::new(name, "INDEX", None, None);
            let entry = Entry { header, statements: Vec::new(), settings: Vec::new() };
            Job { entry, stage, exclusive: tables(exclusive), shared: tables(shared) }
        };
        let of = |name: &str| QualifiedName::of("s", name);
        let weights = BTreeMap::from([(of("big"), 100), (of("linked"), 90), (of("small"), 1)]);
        let mut jobs = vec![
            job("big", 1, &[], &["big"]),
            job("linked", 1, &[], &["linked"]),
            job("small", 1, &["small"], &[]),
            job("small key", 3, &["small"], &[]),
            job("foreign key", 3, &["linked", "small"], &[]),
            Job::analyze(QualifiedName::of("s", "small")),
        ];
        order(&mut jobs, &weights);
        let names: Vec<_> = jobs.iter().map(|job| job.entry.header.name.as_str()).collect();
        assert_eq!(names, ["linked", "small", "big", "small", "foreign key", "small key"]);
    }
}
