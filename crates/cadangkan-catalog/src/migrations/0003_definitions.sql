-- What `add` created, and what was paused or resumed elsewhere than in the configuration file.

CREATE TABLE definitions (
    kind       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    settings   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE switches (
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    enabled    BOOLEAN NOT NULL,
    changed_at BIGINT  NOT NULL,
    PRIMARY KEY (kind, name)
);
