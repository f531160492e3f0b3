-- Runs and their logs. Times are microseconds since 1970 in UTC; JSON is kept as text.

-- Gives numbers in rising order, also after rows were removed.
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('runs', 0), ('audit', 0);

CREATE TABLE runs (
    id          BIGINT NOT NULL PRIMARY KEY,
    kind        TEXT   NOT NULL,
    database    TEXT,
    cause       TEXT   NOT NULL, -- the trigger, which is a reserved word
    initiator   TEXT   NOT NULL,
    options     TEXT   NOT NULL,
    holder      TEXT   NOT NULL,
    status      TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    backup_id   TEXT,
    progress    TEXT,
    error       TEXT
);
CREATE INDEX runs_of_database ON runs (database, id);
CREATE INDEX runs_running ON runs (database) WHERE status = 'running';

CREATE TABLE run_log (
    run_id  BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    line    BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    level   TEXT   NOT NULL,
    message TEXT   NOT NULL,
    detail  TEXT,
    PRIMARY KEY (run_id, line)
);
