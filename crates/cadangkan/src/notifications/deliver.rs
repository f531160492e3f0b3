use std::collections::BTreeMap;
use std::time::Duration;

use cadangkan_catalog::{Catalog, Notification};
use cadangkan_core::{Clock as _, Error, ErrorKind, Result, Timestamp};
use cadangkan_notify::{Event, EventKind, Purpose, Undelivered, is_stale, pause};

use super::open::{OpenChannel, message};
use crate::app::{App, Session};
use crate::config::DeclaredChannel;

/// How long what somebody has begun to deliver belongs to them, beyond the limit of the delivery itself.
const LEASE: Duration = Duration::from_secs(60);

/// How a delivery went.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// How many events were delivered.
    pub(crate) delivered: usize,
    /// The channels that could not be reached, and why.
    pub(crate) failed: Vec<(String, Error)>,
}

/// Delivers all that is due, to all channels at once; none takes longer than `limit`. What fails waits for its next attempt.
pub(crate) fn deliver_due(app: &App, session: &Session, limit: Duration) -> Result<Delivery> {
    let catalog = session.catalog()?;
    let now = app.clock.now();
    let until = now.checked_add(limit + LEASE).unwrap_or(now);
    let mut by_channel: BTreeMap<String, Vec<Notification>> = BTreeMap::new();
    for notification in catalog.claim_notifications(now, until)? {
        by_channel.entry(notification.channel.clone()).or_default().push(notification);
    }
    let results: Vec<(String, Result<usize>)> = std::thread::scope(|scope| {
        let start = |(name, rows)| {
            let work = scope.spawn({
                let rows: Vec<Notification> = rows;
                let name: &String = &name;
                let name = name.clone();
                move || deliver(app, session, catalog, &name, &rows, limit)
            });
            (name, work)
        };
        let started: Vec<_> = by_channel.into_iter().map(start).collect();
        let panicked = |_| Err(Error::new(ErrorKind::Internal, "a thread that delivers has panicked"));
        started.into_iter().map(|(name, work)| (name, work.join().unwrap_or_else(panicked))).collect()
    });
    let mut delivery = Delivery::default();
    for (name, result) in results {
        match result {
            Ok(delivered) => delivery.delivered += delivered,
            Err(error) => delivery.failed.push((name, error)),
        }
    }
    Ok(delivery)
}

/// Delivers what is due to one channel, and records how it went; returns how many events were delivered.
fn deliver(
    app: &App,
    session: &Session,
    catalog: &Catalog,
    name: &str,
    rows: &[Notification],
    limit: Duration,
) -> Result<usize> {
    let now = app.clock.now();
    let channels = &session.inventory.config().notifications;
    let Some(declared) = channels.iter().find(|channel| channel.name.as_str() == name) else {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        catalog.notifications_given_up(&ids, now, "the channel is not configured any more")?;
        return Ok(0);
    };
    let (mut events, mut stale) = (Vec::new(), Vec::new());
    for row in rows {
        match serde_json::from_value::<Event>(row.event.clone()) {
            Ok(event) if event.kind == EventKind::Started && is_stale(event.kind, row.due_at, now) => {
                stale.push(row.id);
            }
            Ok(event) => events.push((row, event)),
            Err(_) => stale.push(row.id),
        }
    }
    catalog.notifications_given_up(&stale, now, "of no use any more, or of another version")?;
    let mut parts =
        if declared.kind.joins { vec![events] } else { events.into_iter().map(|one| vec![one]).collect() };
    parts.retain(|part| !part.is_empty());
    let opened = OpenChannel::of(session, declared);
    let begun = std::time::Instant::now();
    let (mut delivered, mut failure) = (0, None);
    for part in parts {
        let left = limit.saturating_sub(begun.elapsed());
        let sent = match (&opened, &failure) {
            // What comes behind something that failed keeps its place.
            (_, Some(_)) => Err(Undelivered {
                error: Error::new(ErrorKind::Timeout, "others come first").retryable(),
                wait: None,
            }),
            (Err(error), _) => Err(copy(error).into()),
            (Ok(channel), None) => channel.send(&joined(app, declared, &part), left),
        };
        let count = part.len();
        match sent {
            Ok(()) => {
                let ids: Vec<_> = part.iter().map(|(row, _)| row.id).collect();
                catalog.notifications_delivered(&ids, app.clock.now())?;
                delivered += count;
            }
            Err(undelivered) => {
                put_off(catalog, &part, &undelivered, app.clock.now())?;
                failure.get_or_insert(undelivered.error);
            }
        }
    }
    failure.map_or(Ok(delivered), Err)
}

fn joined(
    app: &App,
    declared: &DeclaredChannel,
    part: &[(&Notification, Event)],
) -> cadangkan_notify::Message {
    let purpose = if declared.options.digest.is_some() { Purpose::Digest } else { Purpose::Events };
    message(app, purpose, part.iter().map(|(_, event)| event.clone()).collect(), app.clock.now())
}

/// Lets what failed wait for its next attempt, or gives it up.
fn put_off(
    catalog: &Catalog,
    part: &[(&Notification, Event)],
    undelivered: &Undelivered,
    now: Timestamp,
) -> Result<()> {
    let why = undelivered.error.chain().join(": ");
    let is_old = |(row, event): &&(&Notification, Event)| is_stale(event.kind, row.due_at, now);
    let (old, others): (Vec<_>, Vec<_>) = part.iter().partition(is_old);
    let ids = |rows: &[&(&Notification, Event)]| rows.iter().map(|(row, _)| row.id).collect::<Vec<_>>();
    catalog.notifications_given_up(&ids(&old), now, &why)?;
    // All of them wait as long as the oldest, so that they stay together.
    let attempts = others.iter().map(|(row, _)| row.attempts).max().unwrap_or(1);
    let next = now.checked_add(pause(attempts, undelivered)).unwrap_or(now);
    catalog.notifications_failed(&ids(&others), next, &why)
}

/// The same error once more.
fn copy(error: &Error) -> Error {
    let copied = Error::new(error.kind(), error.chain().join(": "));
    error.advice().map(str::to_owned).into_iter().fold(copied, Error::hint)
}
