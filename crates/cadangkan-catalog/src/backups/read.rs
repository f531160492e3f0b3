use cadangkan_core::{BackupId, Name, Result, RunId, Timestamp};
use rusqlite::{params, params_from_iter};

use super::{BackupFilter, BackupRecord, BackupSort, BackupStatus, StorageUsage};
use crate::columns::{Column, Columns};
use crate::conditions::Conditions;
use crate::{Catalog, convert};

const COLUMNS: &str =
    "SELECT database, backup_id, storage, archive_key, engine, kind, cause, status, created_at,
    completed_at, size_bytes, raw_bytes, tables, codec, preserved, tags, ticket, verified_at, verified_level,
    checksum, run_id, original, databases, selection, keep_until, suspect, schedule FROM backups";

impl Catalog {
    /// All copies of a backup, by the names of their storages.
    pub fn backup_copies(&self, database: &Name, id: BackupId) -> Result<Vec<BackupRecord>> {
        let sql = format!("{COLUMNS} WHERE database = $1 AND backup_id = $2 ORDER BY storage");
        self.query("cannot read a backup", &sql, params![database.as_str(), id.to_string()], read_record)
    }

    /// The newest backup of a database, by the time it carries: one of its copies, a good one if there is any.
    /// With `good_only` backups without a good copy are passed over.
    pub fn newest_backup(&self, database: &Name, good_only: bool) -> Result<Option<BackupRecord>> {
        let condition = if good_only { "AND status = 'good'" } else { "" };
        let sql = format!(
            "{COLUMNS} WHERE database = $1 {condition} ORDER BY {}, CASE status WHEN 'good' THEN 0 ELSE 1 END, storage
             LIMIT 1",
            order(BackupSort::Created, "DESC")
        );
        self.query_one("cannot read the newest backup", &sql, [database.as_str()], read_record)
    }

    /// The copies that a filter means, in its order.
    pub fn backups(&self, filter: &BackupFilter) -> Result<Vec<BackupRecord>> {
        let mut copies = Vec::new();
        self.each_backup(filter, |copy| copies.push(copy))?;
        Ok(copies)
    }

    /// Gives `take` the copies that a filter means, one after the other, in its order; for sums over more than memory should
    /// hold. Nothing else of the catalog can be used meanwhile.
    pub fn each_backup(&self, filter: &BackupFilter, mut take: impl FnMut(BackupRecord)) -> Result<()> {
        let mut conditions = conditions(filter);
        let limit = conditions.bind(convert::clamp(filter.limit.unwrap_or(u64::MAX)));
        let offset = conditions.bind(convert::clamp(filter.offset));
        let direction = if filter.descending { "DESC" } else { "ASC" };
        let sql = format!(
            "{COLUMNS} {} ORDER BY {}, database, storage LIMIT {limit} OFFSET {offset}",
            conditions.text(),
            order(filter.sort, direction)
        );
        self.with("cannot list backups", |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let parameters = params_from_iter(conditions.parameters());
            let copies = statement.query_map(parameters, |row| read_record(&mut Columns::of(row)))?;
            copies.into_iter().try_for_each(|copy| copy.map(&mut take))
        })
    }

    /// When backups of a database began since a time, in that order; each with a word for its series, which is another for
    /// each database of a server.
    pub fn begun_since(&self, database: &Name, since: Timestamp) -> Result<Vec<(String, Timestamp)>> {
        let sql = "SELECT DISTINCT COALESCE(original, '') || char(0) || databases AS series, created_at FROM backups
            WHERE database = $1 AND created_at >= $2 ORDER BY created_at";
        let parameters = params![database.as_str(), convert::micros(since)];
        self.query("cannot list backups", sql, parameters, |columns| Ok((columns.plain()?, columns.time()?)))
    }

    /// When a good copy of any backup of a database was last verified.
    pub fn last_verified(&self, database: &Name) -> Result<Option<Timestamp>> {
        let sql =
            "SELECT MAX(verified_at) AS verified_at FROM backups WHERE database = $1 AND status = 'good'";
        let read = |columns: &mut Columns<'_>| columns.optional_time();
        Ok(self.query_one("cannot read backups", sql, [database.as_str()], read)?.flatten())
    }

    /// The databases that have a backup whose archive has this checksum.
    pub fn databases_of(&self, checksum: &str) -> Result<Vec<Name>> {
        let sql = "SELECT DISTINCT database FROM backups WHERE checksum = $1";
        self.query("cannot read backups", sql, [checksum], |columns| columns.word())
    }

    /// The number of copies that a filter means, and the sum of their stored sizes; without its limit and offset.
    pub fn count_backups(&self, filter: &BackupFilter) -> Result<(u64, u64)> {
        let conditions = conditions(filter);
        let sql = format!(
            "SELECT COUNT(*) AS copies, COALESCE(SUM(size_bytes), 0) AS size_bytes FROM backups {}",
            conditions.text()
        );
        let read = |columns: &mut Columns<'_>| Ok((columns.size()?, columns.size()?));
        let counted =
            self.query_one("cannot count backups", &sql, params_from_iter(conditions.parameters()), read)?;
        Ok(counted.unwrap_or_default())
    }

    /// What each database has in each storage, by the names of storages and databases; copies that are missing do not
    /// count.
    pub fn usage(&self) -> Result<Vec<StorageUsage>> {
        let sql = "SELECT storage, database, COUNT(*) AS backups, SUM(size_bytes) AS size_bytes,
            MIN(created_at) AS oldest, MAX(created_at) AS newest
            FROM backups WHERE status <> 'missing' GROUP BY storage, database ORDER BY storage, database";
        self.query("cannot add up backups", sql, [], |columns| {
            Ok(StorageUsage {
                storage: columns.word()?,
                database: columns.word()?,
                backups: columns.size()?,
                size_bytes: columns.size()?,
                oldest_at: columns.time()?,
                newest_at: columns.time()?,
            })
        })
    }

    /// Tells whether any copy of a backup is known, so that its id is taken.
    pub fn backup_exists(&self, database: &Name, id: BackupId) -> Result<bool> {
        let sql = "SELECT 1 AS found FROM backups WHERE database = $1 AND backup_id = $2 LIMIT 1";
        let parameters = params![database.as_str(), id.to_string()];
        Ok(self.query_one("cannot look for a backup", sql, parameters, |_| Ok(()))?.is_some())
    }

    /// What the databases are called that a configured one has backups of, in order of their names.
    pub fn originals(&self, database: &Name) -> Result<Vec<String>> {
        let sql = "SELECT original FROM backups WHERE database = $1 AND original IS NOT NULL
            UNION SELECT json_each.value FROM backups, json_each(databases) WHERE database = $1 ORDER BY 1";
        self.query("cannot list the databases of backups", sql, [database.as_str()], |columns| {
            columns.plain()
        })
    }

    /// The stored size and the size before compression of the newest good backup: what the next one may take. With
    /// `original` that of one database of many, with `tag` that of one that has it.
    pub fn last_size(
        &self,
        database: &Name,
        original: Option<&str>,
        tag: Option<&str>,
    ) -> Result<Option<(u64, u64)>> {
        let filter = BackupFilter {
            database: Some(database.clone()),
            original: original.map(str::to_owned),
            tag: tag.map(str::to_owned),
            status: Some(BackupStatus::Good),
            descending: true,
            limit: Some(1),
            ..BackupFilter::default()
        };
        let newest = self.backups(&filter)?.into_iter().next();
        Ok(newest.map(|record| (record.size_bytes, record.raw_bytes)))
    }
}

fn conditions(filter: &BackupFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.equal("database", filter.database.as_ref().map(|name| name.as_str().to_owned()));
    if let Some(original) = &filter.original {
        let name = conditions.bind(original.clone());
        conditions.push(format!(
            "(original = {name} OR EXISTS (SELECT 1 FROM json_each(databases) WHERE json_each.value = {name}))"
        ));
    }
    conditions.equal("status", filter.status.map(|status| status.as_str().to_owned()));
    if let Some(suspect) = filter.suspect {
        conditions.push(format!("suspect {} '[]'", if suspect { "<>" } else { "=" }));
    }
    conditions.equal("cause", filter.trigger.clone());
    conditions.equal("ticket", filter.ticket.clone());
    conditions.equal("storage", filter.storage.as_ref().map(|name| name.as_str().to_owned()));
    if let Some(since) = filter.since {
        conditions.compare("created_at", ">=", convert::micros(since));
    }
    if let Some(until) = filter.until {
        conditions.compare("created_at", "<", convert::micros(until));
    }
    if let Some(tag) = &filter.tag {
        let tag = conditions.bind(tag.clone());
        conditions.push(format!(
            "EXISTS (SELECT 1 FROM backup_tags WHERE backup_tags.tag = {tag} AND backup_tags.database = \
             backups.database AND backup_tags.backup_id = backups.backup_id AND backup_tags.storage = backups.storage)"
        ));
    }
    conditions
}

/// Ids of one second differ only in their last number, which the length orders before the text does.
fn order(sort: BackupSort, direction: &str) -> String {
    let by_time = format!("created_at {direction}, LENGTH(backup_id) {direction}, backup_id {direction}");
    match sort {
        BackupSort::Created => by_time,
        BackupSort::Size => format!("size_bytes {direction}, {by_time}"),
    }
}

fn read_record(columns: &mut Columns<'_>) -> Column<BackupRecord> {
    Ok(BackupRecord {
        database: columns.word()?,
        id: columns.word()?,
        storage: columns.word()?,
        archive_key: columns.plain()?,
        engine: columns.plain()?,
        kind: columns.plain()?,
        trigger: columns.plain()?,
        status: columns.word()?,
        created_at: columns.time()?,
        completed_at: columns.time()?,
        size_bytes: columns.size()?,
        raw_bytes: columns.size()?,
        tables: columns.optional_size()?,
        codec: columns.plain()?,
        preserved: columns.plain()?,
        tags: columns.json()?,
        ticket: columns.plain()?,
        verified_at: columns.optional_time()?,
        verified_level: columns.plain()?,
        checksum: columns.plain()?,
        run: columns.plain::<Option<i64>>()?.map(RunId),
        original: columns.plain()?,
        databases: columns.json()?,
        selection: Some(columns.plain::<String>()?).filter(|selection| !selection.is_empty()),
        keep_until: columns.optional_time()?,
        suspect: columns.json()?,
        schedule: columns.plain()?,
    })
}
