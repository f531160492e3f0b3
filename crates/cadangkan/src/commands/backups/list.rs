use std::collections::BTreeMap;

use cadangkan_catalog::{BackupFilter, BackupRecord, BackupSort, BackupStatus};
use cadangkan_core::{BackupId, Clock, Name, Result, Timestamp, format_bytes};
use serde::Serialize;

use crate::app::{App, CatalogNeed};
use crate::ui::Paint;
use crate::ui::count::count;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::time::{format_time, parse_moment};

/// Arguments of `backups list`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan backups list shop\n  cadangkan backups list shop --since 7d --status damaged\n  cadangkan backups list --sort size --limit 10 --output json"
)]
pub(super) struct ListArgs {
    /// The database [default: all]
    database: Option<Name>,
    /// Only backups of this one of a server's databases
    #[arg(long = "database", value_name = "NAME")]
    one_of: Option<String>,
    /// Only backups from then on: 2026-01-15, 2026-01-15T14:30, or 7d, 24h ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only backups until then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only backups in this state
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Only backups made for this reason: manual, safety
    #[arg(long, value_name = "WORD")]
    trigger: Option<String>,
    /// Only backups with this tag
    #[arg(long, value_name = "WORD")]
    tag: Option<String>,
    /// Only backups that this ticket asked for
    #[arg(long, value_name = "WORD")]
    ticket: Option<String>,
    /// Only copies in this storage
    #[arg(long, value_name = "NAME")]
    storage: Option<Name>,
    /// What they are sorted by
    #[arg(long, value_enum, default_value = "created")]
    sort: Sort,
    /// Oldest or smallest first
    #[arg(long)]
    ascending: bool,
    /// How many at most
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    /// How many to leave out first
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    offset: u64,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Status {
    Good,
    Damaged,
    Missing,
    /// It looks wrong beside the last good one
    Suspect,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Sort {
    Created,
    Size,
}

/// Lists backups, from the catalog, newest first.
pub(super) fn run(app: &App, args: &ListArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let catalog = session.catalog()?;
    let (zone, now) = (session.zone(), app.clock.now());
    let moment =
        |text: &Option<String>| text.as_deref().map(|text| parse_moment(text, now, &zone)).transpose();
    if let Some(database) = &args.database {
        // A database that is not configured any more may still have backups.
        if catalog.newest_backup(database, false)?.is_none() {
            session.inventory.database(database.as_str())?;
        }
    }
    let filter = BackupFilter {
        database: args.database.clone(),
        original: args.one_of.clone(),
        since: moment(&args.since)?,
        until: moment(&args.until)?,
        status: args.status.and_then(|status| match status {
            Status::Good => Some(BackupStatus::Good),
            Status::Damaged => Some(BackupStatus::Damaged),
            Status::Missing => Some(BackupStatus::Missing),
            Status::Suspect => None,
        }),
        suspect: matches!(args.status, Some(Status::Suspect)).then_some(true),
        trigger: args.trigger.clone(),
        tag: args.tag.clone(),
        ticket: args.ticket.clone(),
        storage: args.storage.clone(),
        sort: match args.sort {
            Sort::Created => BackupSort::Created,
            Sort::Size => BackupSort::Size,
        },
        descending: !args.ascending,
        limit: args.limit,
        offset: args.offset,
    };
    let backups = catalog.backups(&filter)?;
    let (found, bytes) = catalog.count_backups(&filter)?;
    let values: Vec<_> = backups.iter().map(Listed::new).collect();
    app.print(&values, || {
        let Some(first) = backups.first() else { return nothing(args) };
        let optional = Optional::of(args, &backups);
        let mut table = optional.table();
        for backup in &backups {
            table.row(row(app, optional, backup, &format_time(backup.created_at, &zone)));
        }
        let shown = if backups.len() as u64 == found { String::new() } else { format!(", {} shown", backups.len()) };
        let database = args.database.as_ref().map_or("<database>", |_| first.database.as_str());
        format!(
            "{}\nTotal: {}, {}{shown}\n\nCommands:\n  cadangkan backups info {database} <id>\n  cadangkan restore {database} --from <id>\n  cadangkan backups delete {database} <id>\n",
            table.render(app.style),
            count(found, "backup"),
            format_bytes(bytes)
        )
    })
}

fn nothing(args: &ListArgs) -> String {
    let filters = [&args.since, &args.until, &args.trigger, &args.tag, &args.ticket, &args.one_of]
        .iter()
        .any(|filter| filter.is_some());
    if filters || args.status.is_some() || args.storage.is_some() || args.offset > 0 {
        return "No such backups.\n".to_owned();
    }
    let database = args.database.as_ref().map_or("<database>", Name::as_str);
    format!("No backups yet. Make one with `cadangkan backup {database}`.\n")
}

/// Tells whether a configured database has backups of several: then each row says of which.
fn of_several(backups: &[BackupRecord]) -> bool {
    let mut first = BTreeMap::new();
    let combined = |backup: &BackupRecord| !backup.databases.is_empty();
    backups.iter().any(|backup| {
        combined(backup) || *first.entry(&backup.database).or_insert(&backup.original) != &backup.original
    })
}

/// Which columns there are that not every list needs.
#[derive(Clone, Copy)]
struct Optional {
    database: bool,
    original: bool,
    ticket: bool,
}

impl Optional {
    fn of(args: &ListArgs, backups: &[BackupRecord]) -> Self {
        Optional {
            database: args.database.is_none(),
            original: of_several(backups),
            ticket: backups.iter().any(|backup| backup.ticket.is_some()),
        }
    }

    fn table(self) -> Table {
        let mut columns = vec![
            ("id", Align::Left),
            ("date", Align::Left),
            ("size", Align::Right),
            ("type", Align::Left),
            ("status", Align::Left),
            ("storage", Align::Left),
            ("tags", Align::Left),
        ];
        if self.ticket {
            columns.push(("ticket", Align::Left));
        }
        if self.original {
            let title = if self.database { "of" } else { "database" };
            columns.insert(0, (title, Align::Left));
        }
        if self.database {
            columns.insert(0, ("database", Align::Left));
        }
        Table::new(columns)
    }
}

fn row(app: &App, optional: Optional, backup: &BackupRecord, date: &str) -> Vec<Cell> {
    let is_suspect = !backup.suspect.is_empty() && backup.status == BackupStatus::Good;
    let (mark, paint) = match backup.status {
        BackupStatus::Good if is_suspect && app.style.has_unicode() => ("⚠ suspect", Paint::Yellow),
        BackupStatus::Good if is_suspect => ("suspect", Paint::Yellow),
        BackupStatus::Good if app.style.has_unicode() => ("✓", Paint::Green),
        BackupStatus::Damaged if app.style.has_unicode() => ("✗ damaged", Paint::Red),
        BackupStatus::Good => ("good", Paint::Green),
        BackupStatus::Damaged => ("damaged", Paint::Red),
        other => (other.as_str(), Paint::Red),
    };
    let kept = if backup.preserved { " preserved" } else { "" };
    let verified =
        if backup.verified_at.is_some() && backup.status == BackupStatus::Good { " verified" } else { "" };
    let mut cells: Vec<Cell> = vec![
        backup.id.to_string().into(),
        date.into(),
        format_bytes(backup.size_bytes).into(),
        backup.trigger.clone().into(),
        Cell::painted(format!("{mark}{verified}{kept}"), paint),
        backup.storage.to_string().into(),
        backup.tags.join(", ").into(),
    ];
    if optional.ticket {
        cells.push(backup.ticket.clone().unwrap_or_default().into());
    }
    if optional.original {
        let of = match backup.databases.len() as u64 {
            0 => backup.original.clone().unwrap_or_default(),
            several => count(several, "database"),
        };
        cells.insert(0, of.into());
    }
    if optional.database {
        cells.insert(0, backup.database.to_string().into());
    }
    cells
}

fn is_empty(names: &&[String]) -> bool {
    names.is_empty()
}

/// A copy of a backup as JSON; names as in the manifest. Borrowed, since there may be very many.
#[derive(Serialize)]
struct Listed<'a> {
    backup_id: BackupId,
    database_name: &'a Name,
    database: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty")]
    databases: &'a [String],
    storage: &'a Name,
    archive_key: &'a str,
    engine: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    trigger: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<&'a str>,
    status: BackupStatus,
    created_at: Timestamp,
    completed_at: Timestamp,
    size_bytes: u64,
    raw_bytes: u64,
    tables_count: Option<u64>,
    codec: &'a str,
    checksum: &'a str,
    preserved: bool,
    #[serde(skip_serializing_if = "is_empty")]
    suspect: &'a [String],
    tags: &'a [String],
    ticket: Option<&'a str>,
    verified_at: Option<Timestamp>,
    verified_level: Option<&'a str>,
}

impl<'a> Listed<'a> {
    fn new(backup: &'a BackupRecord) -> Self {
        Listed {
            backup_id: backup.id,
            database_name: &backup.database,
            database: backup.original.as_deref(),
            databases: &backup.databases,
            storage: &backup.storage,
            archive_key: &backup.archive_key,
            engine: &backup.engine,
            kind: &backup.kind,
            trigger: &backup.trigger,
            schedule: backup.schedule.as_deref(),
            status: backup.status,
            created_at: backup.created_at,
            completed_at: backup.completed_at,
            size_bytes: backup.size_bytes,
            raw_bytes: backup.raw_bytes,
            tables_count: backup.tables,
            codec: &backup.codec,
            checksum: &backup.checksum,
            preserved: backup.preserved,
            suspect: &backup.suspect,
            tags: &backup.tags,
            ticket: backup.ticket.as_deref(),
            verified_at: backup.verified_at,
            verified_level: backup.verified_level.as_deref(),
        }
    }
}
