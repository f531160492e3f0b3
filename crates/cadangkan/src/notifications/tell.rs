use cadangkan_catalog::NewNotification;
use cadangkan_core::{Error, ErrorKind, Name, Result, Timestamp};
use cadangkan_notify::{Event, EventKind};
use cadangkan_scheduler::Task;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _, Zoned};
use serde_json::Value;

use crate::app::Session;
use crate::config::{DeclaredChannel, Digest};

/// How long a failure waits for others, where somebody is there to deliver it later.
const HOLD: SignedDuration = SignedDuration::from_secs(30);
/// The longest that it waits.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(5);
/// The hour of the day at which summaries are sent.
const DIGEST_HOUR: i8 = 8;

/// When an event is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Now.
    AtOnce,
    /// A little later, with what else happens in the meantime, since a daemon delivers what is due.
    Together,
}

/// Keeps an event for every channel that hears it; returns how many those are. `deliver_due` sends it.
pub(crate) fn tell(session: &Session, event: &Event, at: Timestamp, how: How) -> Result<usize> {
    let catalog = session.catalog()?;
    let database = event.database.as_deref().and_then(|name| Name::new(name).ok());
    let told: Vec<(&DeclaredChannel, Value, Timestamp)> = session
        .inventory
        .config()
        .notifications
        .iter()
        .filter_map(|channel| {
            let event = heard(channel, &hears(session, channel, database.as_ref()), event)?;
            let due = due(channel, at, &session.zone(), how);
            Some((channel, serde_json::to_value(event), due))
        })
        .map(|(channel, event, due)| Ok((channel, event?, due)))
        .collect::<Result<_, serde_json::Error>>()
        .map_err(|error| Error::new(ErrorKind::Internal, "an event cannot be written").source(error))?;
    let new: Vec<_> = told
        .iter()
        .map(|(channel, event, due_at)| NewNotification { channel: &channel.name, event, due_at: *due_at })
        .collect();
    if new.is_empty() {
        return Ok(0);
    }
    catalog.put_notifications(at, &new)?;
    if how == How::Together {
        for (channel, ..) in told.iter().filter(|(channel, ..)| channel.options.digest.is_none()) {
            let longest = i64::try_from(LONGEST_HOLD.as_micros()).unwrap_or(i64::MAX);
            catalog.hold_notifications(&channel.name, at, later(at, HOLD), longest)?;
        }
    }
    Ok(new.len())
}

/// Lets what was told together be due; summaries wait for their time.
pub(super) fn release(session: &Session, now: Timestamp) -> Result<()> {
    let catalog = session.catalog()?;
    let channels = session.inventory.config().notifications.iter();
    let mut at_once = channels.filter(|channel| channel.options.digest.is_none());
    at_once.try_for_each(|channel| catalog.release_notifications(&channel.name, now))
}

/// What a channel hears of a database: what the database says, else what the defaults say, else what the channel does.
pub(crate) fn hears(session: &Session, channel: &DeclaredChannel, database: Option<&Name>) -> Vec<EventKind> {
    let inventory = &session.inventory;
    let own = database.and_then(|name| inventory.database(name.as_str()).ok());
    let own = own.and_then(|entry| entry.options.notify.as_ref());
    match own.or(inventory.defaults().notify.value.as_ref()) {
        Some(settings) => settings.hears(channel).unwrap_or_default(),
        None => channel.hears(),
    }
}

/// The event as a channel hears it; `None` where it does not. Who does not hear that something works again may hear that it
/// is good, and who was not told of failures is not told that they are over.
fn heard(channel: &DeclaredChannel, hears: &[EventKind], event: &Event) -> Option<Event> {
    let after = u64::from(channel.options.after_failures.unwrap_or(1));
    let enough = event.failures >= after;
    // Copies are tried every hour: while a disk is away, that is said once.
    let goes_on = event.failures > after && event.run.as_deref() == Some(Task::Sync.as_str());
    let hears = |kind| hears.contains(&kind);
    let kind = match event.kind {
        EventKind::Recovered if enough && hears(EventKind::Recovered) => EventKind::Recovered,
        EventKind::Recovered => EventKind::Success,
        EventKind::Failure | EventKind::Partial if event.failures > 0 && (!enough || goes_on) => return None,
        kind => kind,
    };
    hears(kind).then(|| Event { kind, ..event.clone() })
}

fn due(channel: &DeclaredChannel, at: Timestamp, zone: &TimeZone, how: How) -> Timestamp {
    match (channel.options.digest, how) {
        (Some(digest), _) => next_digest(digest, at, zone),
        (None, How::Together) => later(at, HOLD),
        (None, How::AtOnce) => at,
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}

/// The next eight in the morning after a time, of any day or of a Monday.
fn next_digest(digest: Digest, at: Timestamp, zone: &TimeZone) -> Timestamp {
    let now = at.to_zoned(zone.clone());
    let morning = |day: &Zoned| day.date().at(DIGEST_HOUR, 0, 0, 0).to_zoned(zone.clone()).ok();
    let fits = |day: &Zoned| match digest {
        Digest::Daily => true,
        Digest::Weekly => day.weekday() == Weekday::Monday,
    };
    let days = (0..=7).filter_map(|days| now.checked_add(days.days()).ok());
    let mut mornings = days.filter(fits).filter_map(|day| morning(&day));
    mornings.find(|morning| morning.timestamp() > at).map_or(at, |morning| morning.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_come_in_the_morning_of_the_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let next = |digest, at: &str| next_digest(digest, at.parse().unwrap(), &zone).to_string();
        assert_eq!(next(Digest::Daily, "2026-01-15T06:59:59Z"), "2026-01-15T07:00:00Z");
        assert_eq!(next(Digest::Daily, "2026-01-15T07:00:00Z"), "2026-01-16T07:00:00Z");
        // Summer time begins in the night.
        assert_eq!(next(Digest::Daily, "2026-03-28T12:00:00Z"), "2026-03-29T06:00:00Z");
        // The 15th is a Thursday.
        assert_eq!(next(Digest::Weekly, "2026-01-15T12:00:00Z"), "2026-01-19T07:00:00Z");
        assert_eq!(next(Digest::Weekly, "2026-01-19T07:00:00Z"), "2026-01-26T07:00:00Z");
    }
}
