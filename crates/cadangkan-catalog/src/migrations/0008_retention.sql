-- What a backup holds where that is not everything, as JSON: backups of other selections are another series. Empty also for
-- those that an older program recorded.
ALTER TABLE backups ADD COLUMN selection TEXT NOT NULL DEFAULT '';
-- Until when it stays by the wish of who made it.
ALTER TABLE backups ADD COLUMN keep_until BIGINT;
