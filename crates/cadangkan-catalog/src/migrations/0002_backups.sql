-- Backups: one row for each copy in a storage. All of it can be read again from the manifests.

CREATE TABLE backups (
    database       TEXT    NOT NULL,
    backup_id      TEXT    NOT NULL,
    storage        TEXT    NOT NULL,
    archive_key    TEXT    NOT NULL,
    engine         TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    cause          TEXT    NOT NULL, -- the trigger
    status         TEXT    NOT NULL,
    created_at     BIGINT  NOT NULL,
    completed_at   BIGINT  NOT NULL,
    size_bytes     BIGINT  NOT NULL,
    raw_bytes      BIGINT  NOT NULL,
    tables         BIGINT,
    codec          TEXT    NOT NULL,
    preserved      BOOLEAN NOT NULL,
    tags           TEXT    NOT NULL,
    ticket         TEXT,
    verified_at    BIGINT,
    verified_level TEXT,
    checksum       TEXT    NOT NULL,
    run_id         BIGINT, -- no reference: runs may be forgotten before their backups
    -- The id stands first so that lists of one database take the index by time, which needs no sorting.
    PRIMARY KEY (backup_id, database, storage)
);
CREATE INDEX backups_by_time ON backups (created_at);
CREATE INDEX backups_of_database_by_time ON backups (database, created_at);

-- What the filter by tag looks into; the order of a backup's tags is kept in its row.
CREATE TABLE backup_tags (
    tag       TEXT NOT NULL,
    database  TEXT NOT NULL,
    backup_id TEXT NOT NULL,
    storage   TEXT NOT NULL,
    PRIMARY KEY (tag, database, backup_id, storage),
    FOREIGN KEY (backup_id, database, storage)
        REFERENCES backups (backup_id, database, storage) ON DELETE CASCADE
);
CREATE INDEX backup_tags_of_backup ON backup_tags (backup_id, database, storage);
