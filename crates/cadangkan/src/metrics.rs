//! What monitoring reads: the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>), version 0.0.4.

use std::fmt::{Display, Write};

use cadangkan_catalog::{Catalog, RunStatus};
use cadangkan_core::{Clock as _, Result, Timestamp};
use cadangkan_ops::reap;

use crate::app::{App, Session};
use crate::health::{Health, Room};
use crate::inventory::Inventory;
use crate::schedules::Known;

/// The metrics of this moment. Runs whose process is gone are ended first, so that what is told is true.
pub(crate) fn current(app: &App, session: &Session) -> Result<String> {
    reap(&session.context(app))?;
    render(session.catalog()?, &session.inventory, app.clock.now())
}

/// Writes all metrics of databases, runs and storages as they are by the catalog; reaches no storage elsewhere and no server.
fn render(catalog: &Catalog, inventory: &Inventory, now: Timestamp) -> Result<String> {
    let known = Known::read(catalog)?;
    let healths = inventory.databases().iter();
    let healths = healths.map(|entry| Health::look(catalog, inventory, &known, entry, now));
    let healths = healths.collect::<Result<Vec<_>>>()?;
    let mut text = Text::default();
    text.family("cadangkan_build_info", "gauge", "The version of the program; always 1");
    text.sample(&[("version", &env!("CARGO_PKG_VERSION"))], 1);
    databases(&mut text, &healths);
    backups(&mut text, &healths);
    text.family("cadangkan_runs_total", "counter", "Runs that are over, by what they did and how they ended");
    for count in catalog.count_runs()?.iter().filter(|count| count.status != RunStatus::Running) {
        let database = count.database.as_deref().unwrap_or_default();
        text.sample(
            &[("database", &database), ("kind", &count.kind.as_str()), ("result", &count.status.as_str())],
            count.runs,
        );
    }
    storages(&mut text, &Room::look(catalog, inventory)?);
    Ok(text.0)
}

fn databases(text: &mut Text, healths: &[Health<'_>]) {
    let mut each = |name, help, value: &dyn Fn(&Health<'_>) -> Option<f64>| {
        text.of_each(name, help, healths, value);
    };
    let flag = |is: bool| Some(f64::from(u8::from(is)));
    each("cadangkan_database_enabled", "Whether the database takes part", &|health| {
        flag(health.entry.enabled)
    });
    each("cadangkan_health_score", "How good its backups are, from 0 to 100", &|health| {
        Some(f64::from(health.score.total))
    });
    each("cadangkan_backup_running", "Whether a run of it has begun and is not over", &|health| {
        flag(health.running.is_some())
    });
    each("cadangkan_backup_last_failed", "Whether the last backup that was tried failed", &|health| {
        flag(health.failed().is_some())
    });
    each("cadangkan_backup_overdue", "Whether the next backup should be there by now", &|health| {
        flag(health.is_overdue())
    });
    each("cadangkan_backup_suspect", "Whether the newest backup looks wrong", &|health| {
        flag(health.suspect().is_some())
    });
}

fn backups(text: &mut Text, healths: &[Health<'_>]) {
    let mut each = |name, help, value: &dyn Fn(&Health<'_>) -> Option<f64>| {
        text.of_each(name, help, healths, value);
    };
    let seconds = |time: Timestamp| time.as_microsecond() as f64 / 1e6;
    each("cadangkan_backup_last_success_timestamp_seconds", "When the last good backup began", &|health| {
        health.last_good.as_ref().map(|backup| seconds(backup.created_at))
    });
    each("cadangkan_backup_last_duration_seconds", "How long the last good backup took", &|health| {
        let backup = health.last_good.as_ref()?;
        Some(backup.completed_at.duration_since(backup.created_at).as_secs_f64().max(0.0))
    });
    each("cadangkan_backup_last_size_bytes", "What its archive takes, as stored", &|health| {
        health.last_good.as_ref().map(|backup| backup.size_bytes as f64)
    });
    each("cadangkan_backup_last_raw_bytes", "What it was before compression", &|health| {
        health.last_good.as_ref().map(|backup| backup.raw_bytes as f64)
    });
    each("cadangkan_backup_next_timestamp_seconds", "When a schedule makes the next backup", &|health| {
        health.planned.next_run.map(seconds)
    });
    each("cadangkan_backup_copies", "Storages with a good copy of the last good backup", &|health| {
        Some(health.copies.len() as f64)
    });
    each(
        "cadangkan_backup_last_verified_timestamp_seconds",
        "When one of its backups was last verified",
        &|health| health.verified_at.map(seconds),
    );
    each("cadangkan_backups", "Copies of its backups, in all storages", &|health| {
        Some(health.stored.0 as f64)
    });
    each("cadangkan_backups_size_bytes", "What those take, as stored", &|health| {
        Some(health.stored.1 as f64)
    });
}

fn storages(text: &mut Text, rooms: &[Room<'_>]) {
    text.family("cadangkan_storage_used_bytes", "gauge", "What archives take in the storage");
    for room in rooms {
        text.sample(&[("storage", &room.entry.name)], room.used);
    }
    text.family("cadangkan_storage_free_bytes", "gauge", "What is free in the storage, where that is known");
    for (room, space) in rooms.iter().filter_map(|room| Some((room, room.space?))) {
        text.sample(&[("storage", &room.entry.name)], space.available);
    }
    text.family("cadangkan_storage_size_bytes", "gauge", "How large the storage is, where that is known");
    for (room, space) in rooms.iter().filter_map(|room| Some((room, room.space?))) {
        text.sample(&[("storage", &room.entry.name)], space.total);
    }
    text.family("cadangkan_storage_low", "gauge", "Whether the storage is nearly full, where that is known");
    for room in rooms.iter().filter(|room| room.space.is_some()) {
        text.sample(&[("storage", &room.entry.name)], u8::from(room.is_low(0)));
    }
}

/// Metrics as they are written, one family after the other.
#[derive(Default)]
struct Text(String, &'static str);

impl Text {
    /// Begins a family; its samples follow.
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self.1 = name;
    }

    /// Adds a sample to the family that was begun last.
    fn sample(&mut self, labels: &[(&str, &dyn Display)], value: impl Display) {
        let label =
            |(name, value): &(&str, &dyn Display)| format!("{name}=\"{}\"", escaped(&value.to_string()));
        let labels: Vec<_> = labels.iter().map(label).collect();
        let _ = writeln!(self.0, "{}{{{}}} {value}", self.1, labels.join(","));
    }

    /// Adds a gauge of each database that has a value.
    fn of_each(
        &mut self,
        name: &'static str,
        help: &str,
        healths: &[Health<'_>],
        value: &dyn Fn(&Health<'_>) -> Option<f64>,
    ) {
        self.family(name, "gauge", help);
        for health in healths {
            if let Some(value) = value(health) {
                self.sample(&[("database", &health.entry.name), ("engine", &health.entry.engine.id)], value);
            }
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests;
