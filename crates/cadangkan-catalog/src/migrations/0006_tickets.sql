-- The ticket that asked for it.
ALTER TABLE runs ADD COLUMN ticket TEXT;
ALTER TABLE audit ADD COLUMN ticket TEXT;
