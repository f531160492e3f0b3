-- Who removed or changed what. Rows are only ever added.

CREATE TABLE audit (
    id        BIGINT NOT NULL PRIMARY KEY,
    at        BIGINT NOT NULL,
    initiator TEXT   NOT NULL,
    action    TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    detail    TEXT
);
