-- The schedule that made a backup, by which its own policy counts; none where a person did, or an older program recorded it.
ALTER TABLE backups ADD COLUMN schedule TEXT;
