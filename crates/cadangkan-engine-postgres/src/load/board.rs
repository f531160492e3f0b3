//! Which of the definitions that need rows is made next.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cadangkan_core::{Control, Result};

use crate::script::{FOREIGN_KEY_STAGE, INDEX_STAGE, Job, QualifiedName, REFRESH_STAGE};

/// How long to wait before the control is asked again.
const TURN: Duration = Duration::from_millis(200);

/// So many waiting jobs are looked at for one that may run beside the others.
const WINDOW: usize = 1000;

/// What waits and what runs.
pub(super) struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    running: usize,
    stage: u8,
    /// The tables of which all rows are there; none when that is so of all.
    loaded: Option<HashSet<QualifiedName>>,
    /// Whether there are indexes of partitions to be put together.
    attaches: bool,
    exclusive: Vec<QualifiedName>,
    shared: HashMap<QualifiedName, usize>,
}

impl Board {
    /// Begins with jobs in the order of their stages, while rows still come.
    pub(super) fn new(waiting: Vec<Job>) -> Board {
        let attaches = waiting.iter().any(|job| job.stage > INDEX_STAGE && job.stage < FOREIGN_KEY_STAGE);
        let loaded = Some(HashSet::new());
        let state = State { waiting: waiting.into(), attaches, loaded, ..State::default() };
        Board { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes note that all rows of a table are there.
    pub(super) fn loaded(&self, table: QualifiedName) {
        self.lock().loaded.as_mut().map(|loaded| loaded.insert(table));
    }

    /// Takes note that all rows of all tables are there.
    pub(super) fn all_loaded(&self) {
        self.lock().loaded = None;
    }

    /// The next job that may run now; none when there is none at this moment.
    pub(super) fn take(&self) -> Option<Job> {
        self.lock().take()
    }

    /// The next job that is in nobody's way; none when all are done.
    pub(super) fn next(&self, control: &Control<'_>) -> Result<Option<Job>> {
        let mut state = self.lock();
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

    /// Takes note that a job has ended.
    pub(super) fn done(&self, job: &Job) {
        let mut state = self.lock();
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the first job that may run beside those that do. From the refreshes on, jobs run one after the other:
    /// materialized views may read each other, and privileges depend on those before them.
    fn take(&mut self) -> Option<Job> {
        // While rows come, only those of the first stages may run, and those of others wait for them.
        let first = if self.loaded.is_some() { INDEX_STAGE } else { self.waiting.front()?.stage };
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

    /// Whether the rows that a job needs are there.
    fn has_rows(&self, job: &Job) -> bool {
        match &self.loaded {
            None => true,
            Some(loaded) => job.needs_own_rows_only() && job.tables().all(|table| loaded.contains(table)),
        }
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
            let is_free = self.has_rows(job)
                && !job.exclusive.iter().any(|table| held(table) || shared.contains(table))
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
    use crate::script::{Entry, Header};

    fn job(name: &str, stage: u8, exclusive: &[&str], shared: &[&str]) -> Job {
        let tables = |names: &[&str]| names.iter().map(|name| QualifiedName::of("s", *name)).collect();
        let header = Header::new(name, "INDEX", None, None);
        let entry = Entry { header, statements: Vec::new(), settings: Vec::new() };
        Job { entry, stage, exclusive: tables(exclusive), shared: tables(shared) }
    }

    /// A board of which all rows are there.
    fn loaded(jobs: Vec<Job>) -> Board {
        let board = Board::new(jobs);
        board.all_loaded();
        board
    }

    fn take(board: &Board) -> Option<Job> {
        board.take()
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
        let board = loaded(jobs());
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
        let board = loaded(partitioned);
        let (index, key) = (take(&board).unwrap(), take(&board).unwrap());
        let other = take(&board).unwrap();
        [&index, &key].into_iter().for_each(|job| board.done(job));
        assert!(take(&board).is_none(), "indexes are put together when all are there");
        board.done(&other);
        assert_eq!(name(&take(&board)), Some("attach"));
        assert!(take(&board).is_none());
    }

    #[test]
    fn while_rows_come_only_what_has_its_own_rows_is_made() {
        let plain = |name, stage, exclusive: &[&str], shared: &[&str], text: &str| {
            let mut job = job(name, stage, exclusive, shared);
            job.entry.statements = vec![text.to_owned()];
            job
        };
        let key = "ALTER TABLE ONLY s.v ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.u(a)";
        let board = Board::new(vec![
            plain("of t", 1, &[], &["t"], "CREATE INDEX i ON s.t USING btree (a)"),
            plain("by function", 1, &[], &["u"], "CREATE INDEX i ON s.u USING btree (s.f(a))"),
            plain("of u", 1, &[], &["u"], "CREATE INDEX i ON s.u USING btree (a)"),
            plain("of v", 1, &[], &["v"], "CREATE INDEX i ON s.v USING btree (a)"),
            plain("key of v", 3, &["u", "v"], &[], key),
            plain("policy", 4, &["v"], &[], "CREATE POLICY p ON s.v USING (true)"),
        ]);
        assert!(take(&board).is_none());
        board.loaded(QualifiedName::of("s", "u"));
        let of_u = take(&board).unwrap();
        assert_eq!(of_u.entry.header.name, "of u", "a function may read other tables");
        board.done(&of_u);
        board.loaded(QualifiedName::of("s", "v"));
        let of_v = take(&board).unwrap();
        board.done(&of_v);
        assert_eq!(of_v.entry.header.name, "of v");
        assert!(take(&board).is_none(), "an index of u is not made yet");
        board.all_loaded();
        let mut rest = Vec::new();
        while let Some(job) = take(&board) {
            board.done(&job);
            rest.push(job.entry.header.name);
        }
        assert_eq!(rest, ["of t", "by function", "key of v", "policy"]);
    }

    #[test]
    fn jobs_that_lock_each_other_out_wait() {
        let board = loaded(vec![
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
        let board = loaded(vec![
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
        let board = loaded(vec![job("a", 5, &[], &["t"]), job("b", 5, &[], &["u"])]);
        let first = take(&board);
        assert!(take(&board).is_none());
        board.done(&first.unwrap());
        assert_eq!(name(&take(&board)), Some("b"));
    }
}
