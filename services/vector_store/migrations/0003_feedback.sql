-- What people said of answers, kept here and forwarded to the trace store when that can be reached.

CREATE TABLE feedback (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    tenant text NOT NULL CHECK (tenant <> ''),
    trace_id text NOT NULL CHECK (trace_id ~ '^[0-9a-f]{32}$'),
    value jsonb NOT NULL,
    rationale text,
    user_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    forwarded_at timestamptz,
    forward_attempts integer NOT NULL DEFAULT 0,
    forward_error text
);
CREATE INDEX feedback_by_trace ON feedback (tenant, trace_id);
CREATE INDEX feedback_to_forward ON feedback (no) WHERE forwarded_at IS NULL;

SELECT protect_tenants('feedback');
GRANT SELECT, INSERT, UPDATE ON feedback TO fairlead_app;
