CREATE SCHEMA IF NOT EXISTS raccord;
CREATE TABLE raccord.layout (version integer NOT NULL);
INSERT INTO raccord.layout VALUES (0);
CREATE TABLE raccord.entities (
    incarnation bigint PRIMARY KEY,
    project uuid NOT NULL,
    entity text NOT NULL,
    shape text NOT NULL,
    revision bigint NOT NULL DEFAULT 0
);
CREATE TABLE raccord.transfers (
    transfer uuid PRIMARY KEY,
    epoch bigint NOT NULL,
    reset bigint NOT NULL,
    lease bigint NOT NULL,
    ended boolean NOT NULL DEFAULT false,
    token uuid,
    checkpoint text,
    settled bigint[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
CREATE TABLE raccord.marks (
    transfer uuid NOT NULL,
    key bytea NOT NULL,
    deleted boolean NOT NULL,
    page bigint,
    partition uuid,
    PRIMARY KEY (transfer, key)
);
CREATE TABLE raccord.doomed (
    transfer uuid NOT NULL,
    key bytea NOT NULL,
    version bytea NOT NULL,
    PRIMARY KEY (transfer, key)
);
CREATE TABLE raccord.partitions (
    transfer uuid NOT NULL,
    partition uuid NOT NULL,
    run uuid NOT NULL,
    attempt bigint NOT NULL,
    known text NOT NULL,
    PRIMARY KEY (transfer, partition)
);
CREATE TABLE raccord.tombstones (
    incarnation bigint NOT NULL,
    key bytea NOT NULL,
    transfer uuid NOT NULL,
    version bytea NOT NULL,
    swept boolean NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (incarnation, key)
);
CREATE INDEX tombstones_at ON raccord.tombstones (at);
CREATE TABLE raccord.waiting (
    incarnation bigint NOT NULL,
    key bytea NOT NULL,
    transfer uuid NOT NULL,
    version bytea NOT NULL,
    patch bytea NOT NULL,
    PRIMARY KEY (incarnation, key, transfer)
);
CREATE INDEX waiting_transfer ON raccord.waiting (transfer, incarnation);
CREATE TABLE raccord.rejects (
    transfer uuid NOT NULL,
    id bytea NOT NULL,
    key bytea,
    version bytea NOT NULL,
    at bigint NOT NULL,
    reject text NOT NULL,
    PRIMARY KEY (transfer, id)
);
CREATE INDEX rejects_key ON raccord.rejects (transfer, key);
CREATE INDEX rejects_at ON raccord.rejects (transfer, at, id);
CREATE TABLE raccord.forgotten (
    transfer uuid NOT NULL,
    id bytea NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (transfer, id)
);
CREATE TABLE raccord.runs (
    run uuid PRIMARY KEY,
    transfer uuid NOT NULL,
    record text NOT NULL
);
