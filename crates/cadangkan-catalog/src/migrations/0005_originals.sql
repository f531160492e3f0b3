-- What a backed up database is called where it is: one configured database may stand for a server with many.
ALTER TABLE backups ADD COLUMN original TEXT;
