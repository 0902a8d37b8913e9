CREATE TABLE raccord_state.queue (
    transfer uuid PRIMARY KEY,
    id uuid NOT NULL,
    cause text NOT NULL,
    generation bigint NOT NULL,
    reading uuid NOT NULL,
    budget text,
    budget_window bigint,
    offered timestamptz NOT NULL DEFAULT clock_timestamp(),
    stop boolean NOT NULL DEFAULT false,
    worker uuid,
    until timestamptz,
    reclaimed boolean NOT NULL DEFAULT false,
    progress text,
    ended text
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
CREATE TABLE raccord_state.budgets (
    name text COLLATE "C" PRIMARY KEY,
    worker uuid NOT NULL,
    budget_window bigint NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE raccord_state.scheduler (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    token bigint NOT NULL DEFAULT 0,
    number bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO raccord_state.scheduler DEFAULT VALUES;
