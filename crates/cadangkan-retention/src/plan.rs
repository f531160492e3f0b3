use std::time::Duration;

use cadangkan_core::{BackupId, Timestamp};
use serde::Serialize;

use crate::{Calendar, Policy, Reason, Rules};

/// One backup that is judged.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The backup.
    pub id: BackupId,
    /// When it began.
    pub created_at: Timestamp,
    /// What it takes, in bytes as stored.
    pub size_bytes: u64,
    /// What speaks against its being good, in a word or two: `damaged`, `suspect`.
    pub doubt: Option<&'static str>,
    /// Whether a person marked it as one that nothing deletes.
    pub preserved: bool,
    /// When it was last verified, where it was.
    pub verified_at: Option<Timestamp>,
    /// Until when its storage lets nobody delete it.
    pub locked_until: Option<Timestamp>,
    /// Until when it stays by the wish of who made it; no policy counts it then or later.
    pub keep_until: Option<Timestamp>,
    /// The schedule that made it, where one did.
    pub schedule: Option<String>,
}

/// What is to happen to every backup of a series.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plan {
    /// One for each backup, the newest first.
    pub decisions: Vec<Decision>,
}

/// What is to happen to one backup.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    /// The backup.
    #[serde(rename = "backup_id")]
    pub id: BackupId,
    /// When it began.
    pub created_at: Timestamp,
    /// What it takes, in bytes as stored.
    pub size_bytes: u64,
    /// The schedule by whose own policy it is judged; none: by that of the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Whether it stays.
    pub verdict: Verdict,
    /// Why; never empty. The first one is the weightiest.
    pub reasons: Vec<Reason>,
}

/// Whether a backup stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It goes.
    Remove,
}

impl Plan {
    /// Those that go, in the order in which to delete them: the oldest first, so that a stop leaves a series without gaps.
    pub fn removals(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().rev().filter(|decision| decision.verdict == Verdict::Remove)
    }

    /// Those that stay, the newest first.
    pub fn kept(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().filter(|decision| decision.verdict == Verdict::Keep)
    }
}

impl Decision {
    /// Says in words why, and by whose policy where it is that of a schedule.
    pub fn because(&self) -> String {
        let reasons: Vec<_> = self.reasons.iter().map(ToString::to_string).collect();
        let of = self.schedule.iter().map(|schedule| format!(", by the policy of {schedule}"));
        reasons.join("; ") + &of.collect::<String>()
    }
}

/// Judges every backup of one series in one storage at the time `now`.
///
/// What protects a backup looks at the whole series; counts and limits look at those that the same policy is for. The same
/// backups give the same plan whatever order they come in, and carrying a plan out and planning again at the same time
/// removes nothing more.
pub fn plan(rules: &Rules, now: Timestamp, candidates: &[Candidate]) -> Plan {
    let mut newest_first: Vec<&Candidate> = candidates.iter().collect();
    newest_first.sort_by_key(|candidate| std::cmp::Reverse((candidate.created_at, candidate.id)));
    let mut judged: Vec<_> =
        newest_first.into_iter().map(|candidate| Judged::new(rules, candidate)).collect();
    protect(&mut judged, now);
    for (schedule, rule) in rules.all() {
        let mut its: Vec<_> = judged.iter_mut().filter(|one| one.schedule == schedule).collect();
        apply(&rule.policy, &rule.calendar, now, &mut its);
    }
    Plan { decisions: judged.into_iter().map(Judged::decide).collect() }
}

fn apply(policy: &Policy, calendar: &Calendar, now: Timestamp, judged: &mut [&mut Judged<'_>]) {
    if policy.keep_all {
        judged.iter_mut().for_each(|one| one.keeps.push(Reason::KeepAll));
    } else {
        count(policy, calendar, judged);
        limit(policy, now, judged);
    }
    if let Some(age) = policy.hard_limit {
        let too_old = |one: &&mut &mut Judged<'_>| is_older(one.candidate, age, now);
        judged.iter_mut().filter(too_old).for_each(|one| one.removes.push(Reason::TooOld(age)));
    }
}

/// A backup with all that speaks for and against it.
struct Judged<'a> {
    candidate: &'a Candidate,
    /// The schedule whose own policy counts for it.
    schedule: Option<&'a str>,
    protections: Vec<Reason>,
    keeps: Vec<Reason>,
    removes: Vec<Reason>,
}

impl<'a> Judged<'a> {
    fn new(rules: &Rules, candidate: &'a Candidate) -> Self {
        let schedule = candidate.schedule.as_deref().filter(|name| rules.of_schedules.contains_key(*name));
        Judged { candidate, schedule, protections: Vec::new(), keeps: Vec::new(), removes: Vec::new() }
    }

    /// Whether counts and limits look at it: it is good, and nobody said how long it stays.
    fn counts(&self) -> bool {
        self.candidate.doubt.is_none() && self.candidate.keep_until.is_none()
    }

    fn decide(self) -> Decision {
        let (verdict, mut reasons) = if !self.protections.is_empty() {
            (Verdict::Keep, [self.protections, self.keeps].concat())
        } else if !self.removes.is_empty() {
            (Verdict::Remove, self.removes)
        } else if !self.keeps.is_empty() {
            (Verdict::Keep, self.keeps)
        } else {
            (Verdict::Remove, Vec::new())
        };
        if reasons.is_empty() {
            reasons.push(self.candidate.keep_until.map_or(Reason::NotCounted, Reason::HeldBefore));
        }
        let Candidate { id, created_at, size_bytes, .. } = *self.candidate;
        let schedule = self.schedule.map(str::to_owned);
        Decision { id, created_at, size_bytes, schedule, verdict, reasons }
    }
}

/// What stays whatever a policy says.
fn protect(judged: &mut [Judged<'_>], now: Timestamp) {
    for one in judged.iter_mut() {
        let Candidate { preserved, doubt, keep_until, locked_until, .. } = *one.candidate;
        let held = keep_until.filter(|until| *until > now).map(Reason::HeldUntil);
        let locked = locked_until.filter(|until| *until > now).map(Reason::LockedUntil);
        let doubtful = doubt.map(Reason::Doubtful);
        one.protections.extend(
            preserved.then_some(Reason::Preserved).into_iter().chain(held).chain(locked).chain(doubtful),
        );
    }
    let mut good = judged.iter_mut().filter(|one| one.candidate.doubt.is_none());
    if let Some(newest) = good.next() {
        newest.protections.push(Reason::NewestGood);
    }
    let verified = judged
        .iter_mut()
        .filter(|one| one.candidate.doubt.is_none() && one.candidate.verified_at.is_some())
        // Of several at the same time the newest: the last of equal ones from behind.
        .rev()
        .max_by_key(|one| one.candidate.verified_at);
    if let Some(last) = verified {
        last.protections.push(Reason::LastVerified);
    }
}

/// The newest of each of the last so many periods that have one.
fn count(policy: &Policy, calendar: &Calendar, judged: &mut [&mut Judged<'_>]) {
    for (period, of) in policy.counts() {
        let (mut last, mut ordinal) = (None, 0);
        for one in judged.iter_mut().filter(|one| one.counts()) {
            let bucket = Some(calendar.bucket(period, one.candidate.created_at));
            if bucket == last {
                continue;
            }
            if ordinal == of {
                break;
            }
            (last, ordinal) = (bucket, ordinal + 1);
            let name = calendar.name(period, one.candidate.created_at);
            one.keeps.push(Reason::Newest { period, name, ordinal, of });
        }
    }
    if policy.counts().next().is_none() {
        judged.iter_mut().filter(|one| one.counts()).for_each(|one| one.keeps.push(Reason::WithinLimits));
    }
}

/// Age and size; `min_backups` holds against both.
fn limit(policy: &Policy, now: Timestamp, judged: &mut [&mut Judged<'_>]) {
    let least = policy.min_backups;
    let mut countable = 0;
    for one in judged.iter_mut().filter(|one| one.counts()) {
        countable += 1;
        if countable <= least {
            one.keeps.push(Reason::Minimum(least));
        } else if let Some(age) = policy.max_age.filter(|age| is_older(one.candidate, *age, now)) {
            one.removes.push(Reason::TooOld(age));
        }
    }
    let Some(most) = policy.max_size else { return };
    // What is protected takes its room first, since it stays; then the newest.
    let stays = |one: &Judged<'_>| !one.protections.is_empty() || is_minimum(one);
    let mut total: u64 = judged.iter().filter(|one| stays(one)).map(|one| one.candidate.size_bytes).sum();
    for one in judged.iter_mut() {
        if stays(one) || !one.removes.is_empty() || one.keeps.is_empty() {
            continue;
        }
        total = total.saturating_add(one.candidate.size_bytes);
        if total > most {
            one.removes.push(Reason::TooMuch(most));
        }
    }
}

fn is_minimum(one: &Judged<'_>) -> bool {
    one.keeps.iter().any(|reason| matches!(reason, Reason::Minimum(_)))
}

/// Older than `age`; what a wrong clock put into the future is not.
fn is_older(candidate: &Candidate, age: Duration, now: Timestamp) -> bool {
    let passed = now.duration_since(candidate.created_at);
    jiff::SignedDuration::try_from(age).is_ok_and(|age| passed > age)
}

#[cfg(test)]
pub(crate) mod tests;
