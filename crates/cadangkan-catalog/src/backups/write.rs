use cadangkan_core::{BackupId, Error, ErrorKind, Name, Result, RunId, Timestamp};
use rusqlite::{Transaction, params};
use serde_json::json;

use super::{BackupRecord, BackupStatus};
use crate::{Catalog, convert};

const UPSERT: &str = "
    INSERT INTO backups (database, backup_id, storage, archive_key, engine, kind, cause, status, created_at,
        completed_at, size_bytes, raw_bytes, tables, codec, preserved, tags, ticket, verified_at, verified_level,
        checksum, run_id, original, databases, selection, keep_until, suspect, schedule)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
        $24, $25, $26, $27)
    ON CONFLICT (database, backup_id, storage) DO UPDATE SET
        archive_key = excluded.archive_key, engine = excluded.engine, kind = excluded.kind,
        cause = excluded.cause, status = excluded.status, created_at = excluded.created_at,
        completed_at = excluded.completed_at, size_bytes = excluded.size_bytes, raw_bytes = excluded.raw_bytes,
        tables = excluded.tables, codec = excluded.codec, preserved = excluded.preserved, tags = excluded.tags,
        ticket = excluded.ticket, verified_at = excluded.verified_at, verified_level = excluded.verified_level,
        checksum = excluded.checksum, run_id = excluded.run_id,
        original = excluded.original, databases = excluded.databases,
        selection = excluded.selection, keep_until = excluded.keep_until,
        suspect = excluded.suspect, schedule = excluded.schedule";

impl Catalog {
    /// Records a copy of a backup; what was known of it before is replaced.
    pub fn record_backup(&self, record: &BackupRecord) -> Result<()> {
        self.record_backups(std::slice::from_ref(record))
    }

    /// Records many copies at once, all or none: one wait for the disk instead of thousands.
    pub fn record_backups(&self, records: &[BackupRecord]) -> Result<()> {
        let rows = records.iter().map(Numbers::of).collect::<Result<Vec<_>>>()?;
        self.transaction("cannot record backups", |transaction| {
            records.iter().zip(&rows).try_for_each(|(record, numbers)| upsert(transaction, record, numbers))
        })
    }

    /// Marks every copy of a backup as one that retention never deletes, or no longer so. Fails with `NotFound`.
    pub fn set_preserved(&self, database: &Name, id: BackupId, preserved: bool) -> Result<()> {
        let sql = "UPDATE backups SET preserved = $1 WHERE database = $2 AND backup_id = $3";
        let parameters = params![preserved, database.as_str(), id.to_string()];
        let changed = self.execute("cannot mark a backup as preserved", sql, parameters)?;
        if changed > 0 { Ok(()) } else { Err(no_such_backup(database, id)) }
    }

    /// Takes away the mark of a backup that looked wrong, from every copy. Fails with `NotFound`.
    pub fn set_accepted(&self, database: &Name, id: BackupId) -> Result<()> {
        let sql = "UPDATE backups SET suspect = '[]' WHERE database = $1 AND backup_id = $2";
        let parameters = params![database.as_str(), id.to_string()];
        let changed = self.execute("cannot accept a backup", sql, parameters)?;
        if changed > 0 { Ok(()) } else { Err(no_such_backup(database, id)) }
    }

    /// Records what a check of one copy found. Fails with `NotFound`.
    pub fn set_verified(
        &self,
        database: &Name,
        id: BackupId,
        storage: &Name,
        status: BackupStatus,
        at: Timestamp,
        level: &str,
    ) -> Result<()> {
        let sql = "UPDATE backups SET status = $1, verified_at = $2, verified_level = $3
                   WHERE database = $4 AND backup_id = $5 AND storage = $6";
        let parameters = params![
            status.as_str(),
            convert::micros(at),
            level,
            database.as_str(),
            id.to_string(),
            storage.as_str()
        ];
        let changed = self.execute("cannot record a check", sql, parameters)?;
        if changed == 1 { Ok(()) } else { Err(no_such_backup(database, id).context("storage", storage)) }
    }

    /// Forgets one copy. Done also when it is not known; tells whether it was.
    pub fn forget_backup(&self, database: &Name, id: BackupId, storage: &Name) -> Result<bool> {
        let sql = "DELETE FROM backups WHERE database = $1 AND backup_id = $2 AND storage = $3";
        let parameters = params![database.as_str(), id.to_string(), storage.as_str()];
        Ok(self.execute("cannot forget a backup", sql, parameters)? == 1)
    }

    /// Forgets all copies in a storage, and returns how many there were.
    pub fn forget_storage(&self, storage: &Name) -> Result<usize> {
        let sql = "DELETE FROM backups WHERE storage = $1";
        self.execute("cannot forget the backups of a storage", sql, params![storage.as_str()])
    }
}

/// The sizes of a record, as columns hold them.
struct Numbers {
    size_bytes: i64,
    raw_bytes: i64,
    tables: Option<i64>,
}

impl Numbers {
    fn of(record: &BackupRecord) -> Result<Numbers> {
        Ok(Numbers {
            size_bytes: convert::count(record.size_bytes)?,
            raw_bytes: convert::count(record.raw_bytes)?,
            tables: record.tables.map(convert::count).transpose()?,
        })
    }
}

fn upsert(transaction: &Transaction<'_>, record: &BackupRecord, numbers: &Numbers) -> rusqlite::Result<()> {
    transaction.prepare_cached(UPSERT)?.execute(params![
        record.database.as_str(),
        record.id.to_string(),
        record.storage.as_str(),
        record.archive_key,
        record.engine,
        record.kind,
        record.trigger,
        record.status.as_str(),
        convert::micros(record.created_at),
        convert::micros(record.completed_at),
        numbers.size_bytes,
        numbers.raw_bytes,
        numbers.tables,
        record.codec,
        record.preserved,
        json!(record.tags).to_string(),
        record.ticket,
        record.verified_at.map(convert::micros),
        record.verified_level,
        record.checksum,
        record.run.map(|RunId(number)| number),
        record.original,
        json!(record.databases).to_string(),
        record.selection.as_deref().unwrap_or_default(),
        record.keep_until.map(convert::micros),
        json!(record.suspect).to_string(),
        record.schedule,
    ])?;
    replace_tags(transaction, record)
}

fn replace_tags(transaction: &Transaction<'_>, record: &BackupRecord) -> rusqlite::Result<()> {
    let (database, id, storage) = (record.database.as_str(), record.id.to_string(), record.storage.as_str());
    transaction
        .prepare_cached("DELETE FROM backup_tags WHERE database = $1 AND backup_id = $2 AND storage = $3")?
        .execute(params![database, id, storage])?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO backup_tags (tag, database, backup_id, storage) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )?;
    for tag in &record.tags {
        insert.execute(params![tag, database, id, storage])?;
    }
    Ok(())
}

fn no_such_backup(database: &Name, id: BackupId) -> Error {
    Error::new(ErrorKind::NotFound, "the catalog knows no such backup")
        .context("database", database)
        .context("backup", id)
        .hint(format!("`cadangkan backups list {database}` shows those it knows"))
}
