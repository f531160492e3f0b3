//! What every engine must do, as checks that its tests run: the contract of [`Engine`], executable.
//!
//! An engine's tests implement [`Subject`] for a real server and call [`run`]. A check that fails panics with its name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "checks of tests end in a panic"
)]

mod dump;
mod harness;
mod load;

use crate::Engine;

/// A database of the engine under test, and places to restore it to.
pub trait Subject {
    /// The engine for the source. Each call may give another object for the same database.
    fn source(&self) -> Box<dyn Engine>;

    /// Replaces the source's content: several tables with at least some thousand rows in all, the same for the same
    /// seed, different for different ones. A server gets more than one database.
    fn fill(&self, seed: u64);

    /// Commits a change of rows of the source, and waits until it is visible to others.
    fn change(&self);

    /// Makes a new, empty place to restore to. Each call gives another one; all stay until the subject is dropped.
    fn empty_target(&self) -> Box<dyn Engine>;
}

type Check = (&'static str, fn(&dyn Subject));

const CHECKS: &[Check] = &[
    ("a probe says what is there", dump::probe_says_what_is_there),
    ("a plan says what a dump takes", dump::plan_says_what_a_dump_takes),
    ("a selection that matches nothing is refused", dump::unknown_names_are_refused),
    ("units stand in section order", dump::units_stand_in_order),
    ("frames belong to their unit", dump::frames_belong_to_their_unit),
    ("the same database gives the same frames", dump::same_database_same_frames),
    ("a snapshot does not see later changes", dump::snapshot_does_not_see_later_changes),
    ("a stopped run fails as cancelled", dump::cancelled_run_stops),
    ("an error of the sink ends the dump", dump::sink_error_ends_the_dump),
    ("a round trip gives equal rows", load::round_trip_gives_equal_rows),
    ("pieces may come without an index", load::pieces_without_index_load),
    ("fresh refuses what is not empty", load::fresh_refuses_what_is_not_empty),
    ("replace keeps the old content until it is discarded", load::replace_keeps_the_old),
    ("a selection restores its tables only", load::selection_restores_its_tables),
    ("an aborted load leaves nothing", load::aborted_load_leaves_nothing),
    ("a dropped load leaves nothing", load::dropped_load_leaves_nothing),
    ("a stopped load fails as cancelled", load::cancelled_load_stops),
    ("missing pieces are refused", load::missing_pieces_are_refused),
];

/// Runs all checks, each on freshly filled content.
pub fn run(subject: &dyn Subject) {
    for (seed, (name, check)) in (1..).zip(CHECKS) {
        subject.fill(seed);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(subject)));
        assert!(outcome.is_ok(), "the engine does not hold to its contract: {name}");
    }
}
