-- Schedules that were made elsewhere than in the configuration file, and when each of all comes next.

CREATE TABLE schedules (
    database   TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    settings   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (database, name)
);

-- Those that were paused or resumed elsewhere than in the configuration file.
CREATE TABLE schedule_switches (
    database   TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    enabled    BOOLEAN NOT NULL,
    changed_at BIGINT  NOT NULL,
    PRIMARY KEY (database, name)
);

-- Where each schedule stands. What its times are (timing) is kept to notice that they were changed.
CREATE TABLE schedule_states (
    database TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    timing   TEXT   NOT NULL,
    next_due BIGINT NOT NULL,
    PRIMARY KEY (database, name)
);

-- What became of each time that was due.
CREATE TABLE jobs (
    id          BIGINT NOT NULL PRIMARY KEY,
    database    TEXT   NOT NULL,
    schedule    TEXT   NOT NULL,
    task        TEXT   NOT NULL,
    due_at      BIGINT NOT NULL,
    last_due_at BIGINT NOT NULL, -- of the last, where it stands for several
    count       BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    not_before  BIGINT NOT NULL,
    attempt     BIGINT NOT NULL,
    owner       TEXT,
    lease_until BIGINT,
    started_at  BIGINT,
    finished_at BIGINT,
    run_id      BIGINT,
    reason      TEXT
);
-- One of a time cannot be there twice. What was missed may be: a clock that was ahead for a moment missed what is to come.
CREATE UNIQUE INDEX jobs_once ON jobs (database, schedule, due_at) WHERE state <> 'missed';
CREATE INDEX jobs_of_state ON jobs (state, database);
CREATE INDEX jobs_finished ON jobs (finished_at);
INSERT INTO counters (name, value) VALUES ('jobs', 0);
