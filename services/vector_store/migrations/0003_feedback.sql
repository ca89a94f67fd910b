-- What people said of answers, kept here and forwarded to the trace store when that can be reached.

CREATE TABLE feedback (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    tenant text NOT NULL CHECK (tenant <> ''),
    trace_id text NOT NULL CHECK (trace_id ~ '^[0-9a-f]{32}$'),
    -- The user named in the request, else the key: one person's last word on an answer replaces the one before.
    author text NOT NULL CHECK (author <> ''),
    user_id text,
    value jsonb NOT NULL,
    rationale text,
    revision integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    forwarded_at timestamptz,
    forward_error text,
    UNIQUE (tenant, trace_id, author)
);

SELECT protect_tenants('feedback');
GRANT SELECT, INSERT, UPDATE ON feedback TO fairlead_app;

-- What still has to be forwarded, over all tenants: the one who forwards works for all of them. It holds nothing that
-- anyone said, and is therefore the one table here without row-level security.
CREATE TABLE feedback_outbox (
    feedback_id text COLLATE "C" PRIMARY KEY REFERENCES feedback (id) ON DELETE CASCADE,
    tenant text NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0
);
CREATE INDEX feedback_outbox_due ON feedback_outbox (due_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON feedback_outbox TO fairlead_app;
