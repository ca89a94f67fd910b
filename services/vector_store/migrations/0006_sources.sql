-- How each configured source stands, written by the worker that looks at it and read by every replica of the API.
CREATE TABLE sources (
    tenant text NOT NULL CHECK (tenant <> ''),
    name text NOT NULL,
    label text NOT NULL,
    kind text NOT NULL,
    place text NOT NULL,
    store text NOT NULL,
    every_s double precision NOT NULL CHECK (every_s > 0),
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'ok', 'failed')),
    started_at timestamptz,
    ended_at timestamptz,
    succeeded_at timestamptz,
    error text,
    error_reason text,
    -- What the last look found, by change; why documents could not be read, by reason, and the first of them by name.
    counts jsonb NOT NULL DEFAULT '{}',
    failures jsonb NOT NULL DEFAULT '{}',
    unreadable jsonb NOT NULL DEFAULT '[]',
    -- Of the look that is under way: documents still to be brought up, and those that were.
    todo integer NOT NULL DEFAULT 0,
    done integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, name)
);
SELECT protect_tenants('sources');
GRANT SELECT, INSERT, UPDATE, DELETE ON sources TO fairlead_app;

-- The worker's own code for why a file failed: finer than OpenAI's three, for lists and counts of failures.
ALTER TABLE store_files ADD COLUMN error_reason text;
