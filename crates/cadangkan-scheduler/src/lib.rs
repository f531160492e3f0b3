//! When what is due: schedules and their times, jobs that outlive a crash, and who runs next.
//!
//! A [`Schedule`] says when something is to be done to a database. The [`Scheduler`] makes a job of each time that is
//! due, keeps it in the catalog, and hands it to a [`Runner`] when it is its turn. Time comes in from outside, so a year
//! is played in seconds; whatever is decided is in the catalog before it is done, so that a process which is killed at
//! any point neither loses a run nor does one twice.

mod days;
mod due;
mod hours;
mod jitter;
mod note;
mod pattern;
mod plan;
mod retry;
mod runner;
mod schedule;
mod scheduler;
mod settings;

pub use hours::Hours;
pub use note::Note;
pub use pattern::Pattern;
pub use plan::{Plan, Task};
pub use retry::Retry;
pub use runner::{End, Ended, Found, Runner, Sessions};
pub use schedule::{Io, Missed, Schedule, Timing};
pub use scheduler::{Limits, Scheduler, Tick};
pub use settings::{Every, ScheduleSettings};
