//! Which backups stay and which go.
//!
//! A [`Policy`] says what a person wishes, and [`Rules`] for which backups; [`plan()`] judges every backup of one series and says why;
//! [`simulate()`] plays the days to come. Nothing here deletes, or knows where backups lie.

mod calendar;
mod plan;
mod policy;
mod reason;
mod rules;
mod simulate;

pub use calendar::{Calendar, Period};
pub use plan::{Candidate, Decision, Plan, Verdict, plan};
pub use policy::Policy;
pub use reason::Reason;
pub use rules::{Rule, Rules};
pub use simulate::{Coming, Day, simulate};
