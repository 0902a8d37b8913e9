CREATE TABLE raccord_state.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    lineage uuid NOT NULL,
    serial bigint NOT NULL DEFAULT 0,
    generation bigint NOT NULL DEFAULT 0,
    stack text,
    root text,
    last_sequence bigint NOT NULL DEFAULT 0
);
CREATE SEQUENCE raccord_state.revisions;
CREATE SEQUENCE raccord_state.vault_revisions;
CREATE TABLE raccord_state.resources (
    key text COLLATE "C" PRIMARY KEY,
    uid uuid NOT NULL,
    digest bytea NOT NULL
);
CREATE TABLE raccord_state.bodies (
    digest bytea PRIMARY KEY,
    body bytea NOT NULL
);
CREATE TABLE raccord_state.facts (
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    revision bigint NOT NULL,
    transfer uuid,
    PRIMARY KEY (kind, key)
) WITH (fillfactor = 70);
CREATE INDEX facts_transfer ON raccord_state.facts (transfer, key) WHERE transfer IS NOT NULL;
CREATE TABLE raccord_state.leases (
    name text COLLATE "C" PRIMARY KEY,
    token bigint NOT NULL,
    holder text,
    claim uuid,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE raccord_state.inboxes (
    transfer uuid PRIMARY KEY,
    sequence bigint NOT NULL,
    deliveries bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE raccord_state.inbox (
    transfer uuid NOT NULL,
    sequence bigint NOT NULL,
    delivery bytea NOT NULL,
    PRIMARY KEY (transfer, sequence)
);
CREATE TABLE raccord_state.seen (
    source uuid NOT NULL,
    name bytea NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (source, name)
);
CREATE INDEX seen_at ON raccord_state.seen (at);
CREATE TABLE raccord_state.vault (
    owner uuid PRIMARY KEY,
    sealed bytea NOT NULL
);
CREATE TABLE raccord_state.members (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    description text NOT NULL,
    until timestamptz NOT NULL
);
CREATE TABLE raccord_state.commits (
    token uuid PRIMARY KEY,
    question boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX commits_at ON raccord_state.commits (at);
