use cadangkan_core::{Name, Result, Timestamp};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::Serialize;
use serde_json::Value;

use crate::audit::next_number;
use crate::columns::{Column, Columns};
use crate::words::words;
use crate::{Catalog, convert};

/// How long what is over is kept, for whoever asks how delivery went.
const KEPT_DAYS: i64 = 30;

words! {
    /// How a notification stands.
    NotificationStatus {
        /// To be delivered.
        Waiting = "waiting",
        /// The channel has taken it.
        Delivered = "delivered",
        /// It was tried long enough, or nobody is to be told any more.
        GivenUp = "given_up",
    }
}

/// An event that a channel is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct NewNotification<'a> {
    /// The channel.
    pub channel: &'a Name,
    /// What happened, without secrets.
    pub event: &'a Value,
    /// When it is to be told.
    pub due_at: Timestamp,
}

/// The same, on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Its number; rises with each.
    pub id: i64,
    /// The channel.
    pub channel: String,
    /// What happened.
    pub event: Value,
    /// When it was to be told first.
    pub due_at: Timestamp,
    /// How often delivery was begun.
    pub attempts: u64,
}

/// How delivery to a channel goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChannelState {
    /// The channel.
    pub channel: String,
    /// When something was delivered last.
    pub delivered_at: Option<Timestamp>,
    /// How much waits.
    pub waiting: u64,
    /// How much was given up and not delivered, of what is remembered.
    pub given_up: u64,
    /// Why the last attempt failed, where nothing was delivered since.
    pub error: Option<String>,
}

impl Catalog {
    /// Keeps what channels are to be told; all of it or nothing. Forgets what was over long ago.
    pub fn put_notifications(&self, at: Timestamp, new: &[NewNotification<'_>]) -> Result<()> {
        let now = convert::micros(at);
        self.transaction("cannot record notifications", |transaction| {
            let old = now.saturating_sub(KEPT_DAYS * 86_400_000_000);
            transaction.execute("DELETE FROM notifications WHERE finished_at < $1", [old])?;
            for one in new {
                insert(transaction, now, one)?;
            }
            Ok(())
        })
    }

    /// Puts off what was not tried yet and is not due yet, of one channel, so that what happens meanwhile is told with it: to
    /// `until`, but no longer than `longest_micros` after the oldest was due.
    pub fn hold_notifications(
        &self,
        channel: &Name,
        now: Timestamp,
        until: Timestamp,
        longest_micros: i64,
    ) -> Result<()> {
        let held = "channel = $3 AND status = 'waiting' AND attempts = 0 AND not_before > $4";
        let sql = format!(
            "UPDATE notifications
             SET not_before = (SELECT CASE WHEN MIN(due_at) + $1 < $2 THEN MIN(due_at) + $1 ELSE $2 END
                               FROM notifications WHERE {held})
             WHERE {held}"
        );
        let parameters =
            params![longest_micros, convert::micros(until), channel.as_str(), convert::micros(now)];
        self.execute("cannot hold notifications", &sql, parameters).map(drop)
    }

    /// Lets what was put off for one channel, and was not tried yet, be due now.
    pub fn release_notifications(&self, channel: &Name, now: Timestamp) -> Result<()> {
        let sql = "UPDATE notifications SET not_before = $1
                   WHERE channel = $2 AND status = 'waiting' AND attempts = 0 AND not_before > $1";
        let parameters = params![convert::micros(now), channel.as_str()];
        self.execute("cannot release notifications", sql, parameters).map(drop)
    }

    /// When the next notification is to be delivered; none where none waits.
    pub fn next_notification(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT min(not_before) FROM notifications WHERE status = 'waiting'";
        let next = self.query_one("cannot read notifications", sql, [], |columns| columns.optional_time())?;
        Ok(next.flatten())
    }

    /// Takes what is to be delivered by now, oldest first: nobody else gets it until `until`.
    pub fn claim_notifications(&self, now: Timestamp, until: Timestamp) -> Result<Vec<Notification>> {
        let (now, until) = (convert::micros(now), convert::micros(until));
        self.transaction("cannot read notifications", |transaction| {
            let mut statement = transaction.prepare_cached(
                "UPDATE notifications SET not_before = $1, attempts = attempts + 1
                 WHERE status = 'waiting' AND not_before <= $2
                 RETURNING id, channel, event, due_at, attempts",
            )?;
            let rows = statement.query_map([until, now], |row| read(&mut Columns::of(row)))?;
            let mut claimed: Vec<Notification> = rows.collect::<rusqlite::Result<_>>()?;
            claimed.sort_by_key(|notification| notification.id);
            Ok(claimed)
        })
    }

    /// Records that these were delivered.
    pub fn notifications_delivered(&self, ids: &[i64], at: Timestamp) -> Result<()> {
        self.end_notifications(ids, NotificationStatus::Delivered, at, None)
    }

    /// Records that these are not tried any more, and why.
    pub fn notifications_given_up(&self, ids: &[i64], at: Timestamp, error: &str) -> Result<()> {
        self.end_notifications(ids, NotificationStatus::GivenUp, at, Some(error))
    }

    fn end_notifications(
        &self,
        ids: &[i64],
        status: NotificationStatus,
        at: Timestamp,
        error: Option<&str>,
    ) -> Result<()> {
        let sql = "UPDATE notifications SET status = $1, finished_at = $2, error = $3 WHERE id = $4";
        self.transaction("cannot record the delivery of notifications", |transaction| {
            let mut statement = transaction.prepare_cached(sql)?;
            let mut end = |id| statement.execute(params![status.as_str(), convert::micros(at), error, id]);
            ids.iter().try_for_each(|id| end(id).map(drop))
        })
    }

    /// Records that delivery of these failed, and when it is tried again.
    pub fn notifications_failed(&self, ids: &[i64], not_before: Timestamp, error: &str) -> Result<()> {
        let sql = "UPDATE notifications SET not_before = $1, error = $2 WHERE id = $3";
        self.transaction("cannot record the delivery of notifications", |transaction| {
            let mut statement = transaction.prepare_cached(sql)?;
            let mut fail = |id| statement.execute(params![convert::micros(not_before), error, id]);
            ids.iter().try_for_each(|id| fail(id).map(drop))
        })
    }

    /// How delivery goes, of each channel that was told something in the last month.
    pub fn channel_states(&self) -> Result<Vec<ChannelState>> {
        let sql = "SELECT channel, delivered_at, waiting, given_up,
                     (SELECT error FROM notifications other
                      WHERE other.channel = one.channel AND other.status <> 'delivered' AND other.error IS NOT NULL
                        AND other.id > one.delivered
                      ORDER BY other.id DESC LIMIT 1)
                   FROM (SELECT channel,
                           MAX(CASE WHEN status = 'delivered' THEN finished_at END) AS delivered_at,
                           MAX(CASE WHEN status = 'delivered' THEN id ELSE 0 END) AS delivered,
                           SUM(CASE WHEN status = 'waiting' THEN 1 ELSE 0 END) AS waiting,
                           SUM(CASE WHEN status = 'given_up' THEN 1 ELSE 0 END) AS given_up
                         FROM notifications GROUP BY channel) one
                   ORDER BY channel";
        self.query("cannot read notifications", sql, [], |columns| {
            Ok(ChannelState {
                channel: columns.plain()?,
                delivered_at: columns.optional_time()?,
                waiting: columns.size()?,
                given_up: columns.size()?,
                error: columns.plain()?,
            })
        })
    }

    /// Counts one more failure of something, such as a database; returns how many there are, one after the other.
    pub fn count_failure(&self, subject: &str) -> Result<u64> {
        let sql = "INSERT INTO failures (subject, number) VALUES ($1, 1)
                   ON CONFLICT (subject) DO UPDATE SET number = failures.number + 1 RETURNING number";
        let number = self.query_one("cannot count failures", sql, [subject], |columns| columns.size())?;
        Ok(number.unwrap_or(1))
    }

    /// How many failures of something there are, one after the other.
    pub fn failures(&self, subject: &str) -> Result<u64> {
        let sql = "SELECT number FROM failures WHERE subject = $1";
        let number = self.query_one("cannot count failures", sql, [subject], |columns| columns.size())?;
        Ok(number.unwrap_or(0))
    }

    /// Ends the count, and returns how many failures there were.
    pub fn end_failures(&self, subject: &str) -> Result<u64> {
        self.transaction("cannot count failures", |transaction| {
            let sql = "DELETE FROM failures WHERE subject = $1 RETURNING number";
            let number = transaction.query_row(sql, [subject], |row| row.get(0)).optional()?;
            Ok(number.and_then(|number: i64| u64::try_from(number).ok()).unwrap_or(0))
        })
    }
}

fn insert(transaction: &Transaction<'_>, now: i64, new: &NewNotification<'_>) -> rusqlite::Result<()> {
    let id = next_number(transaction, "notifications")?;
    let due = convert::micros(new.due_at);
    transaction
        .prepare_cached(
            "INSERT INTO notifications (id, channel, event, status, created_at, due_at, not_before, attempts)
             VALUES ($1, $2, $3, 'waiting', $4, $5, $5, 0)",
        )?
        .execute(params![id, new.channel.as_str(), new.event.to_string(), now, due])?;
    Ok(())
}

fn read(columns: &mut Columns<'_>) -> Column<Notification> {
    Ok(Notification {
        id: columns.plain()?,
        channel: columns.plain()?,
        event: columns.json()?,
        due_at: columns.time()?,
        attempts: columns.size()?,
    })
}
