-- What channels are to be told: a row for each event and channel, from before it is sent until some time after.
CREATE TABLE notifications (
    id          BIGINT NOT NULL PRIMARY KEY,
    channel     TEXT   NOT NULL,
    event       TEXT   NOT NULL,
    status      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    due_at      BIGINT NOT NULL, -- when it was to be told first
    not_before  BIGINT NOT NULL, -- the next attempt; while somebody makes one, when that has surely ended
    attempts    BIGINT NOT NULL,
    finished_at BIGINT,
    error       TEXT
);
CREATE INDEX notifications_waiting ON notifications (channel, not_before) WHERE status = 'waiting';
CREATE INDEX notifications_of_channel ON notifications (channel, id);
INSERT INTO counters (name, value) VALUES ('notifications', 0);

-- How often something has failed, one after the other: the backup of a database, by its name.
CREATE TABLE failures (
    subject TEXT   NOT NULL PRIMARY KEY,
    number  BIGINT NOT NULL
);
