-- The databases in a backup that holds several, as a JSON array; of one database `original` is its name.
ALTER TABLE backups ADD COLUMN databases TEXT NOT NULL DEFAULT '[]';
