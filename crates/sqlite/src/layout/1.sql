CREATE TABLE _raccord_layout (version INTEGER NOT NULL) STRICT;
INSERT INTO _raccord_layout VALUES (0);
CREATE TABLE _raccord_entities (
    incarnation INTEGER PRIMARY KEY,
    project BLOB NOT NULL,
    entity TEXT NOT NULL,
    shape TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE _raccord_transfers (
    transfer BLOB PRIMARY KEY,
    epoch INTEGER NOT NULL,
    reset INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,
    checkpoint TEXT,
    settled TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE TABLE _raccord_marks (
    transfer BLOB NOT NULL,
    key BLOB NOT NULL,
    deleted INTEGER NOT NULL,
    page INTEGER,
    partition BLOB,
    PRIMARY KEY (transfer, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE _raccord_doomed (
    transfer BLOB NOT NULL,
    key BLOB NOT NULL,
    version BLOB NOT NULL,
    PRIMARY KEY (transfer, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE _raccord_partitions (
    transfer BLOB NOT NULL,
    partition BLOB NOT NULL,
    run BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    known TEXT NOT NULL,
    PRIMARY KEY (transfer, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE _raccord_tombstones (
    incarnation INTEGER NOT NULL,
    key BLOB NOT NULL,
    transfer BLOB NOT NULL,
    version BLOB NOT NULL,
    swept INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (incarnation, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX _raccord_tombstones_at ON _raccord_tombstones (at);
CREATE TABLE _raccord_waiting (
    incarnation INTEGER NOT NULL,
    key BLOB NOT NULL,
    transfer BLOB NOT NULL,
    version BLOB NOT NULL,
    patch BLOB NOT NULL,
    PRIMARY KEY (incarnation, key, transfer)
) STRICT, WITHOUT ROWID;
CREATE INDEX _raccord_waiting_transfer ON _raccord_waiting (transfer, incarnation);
CREATE TABLE _raccord_rejects (
    transfer BLOB NOT NULL,
    id BLOB NOT NULL,
    key BLOB,
    version BLOB NOT NULL,
    at INTEGER NOT NULL,
    reject TEXT NOT NULL,
    PRIMARY KEY (transfer, id)
) STRICT;
CREATE INDEX _raccord_rejects_key ON _raccord_rejects (transfer, key);
CREATE INDEX _raccord_rejects_at ON _raccord_rejects (transfer, at, id);
CREATE TABLE _raccord_forgotten (
    transfer BLOB NOT NULL,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (transfer, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE _raccord_runs (
    run BLOB PRIMARY KEY,
    transfer BLOB NOT NULL,
    record TEXT NOT NULL
) STRICT;
