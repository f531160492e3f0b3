-- Why a backup looks wrong beside the last good one, as a JSON array of sentences; empty where it does not.
ALTER TABLE backups ADD COLUMN suspect TEXT NOT NULL DEFAULT '[]';
