-- Traces that were not kept when a share of them is stored: held for a day, in case somebody complains about the answer.
-- Each row is what arrived of one trace at once; the collector sends what it is unsure about again, with the same digest.
CREATE TABLE trace_buffer (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL CHECK (tenant <> ''),
    trace_id text COLLATE "C" NOT NULL CHECK (trace_id ~ '^[0-9a-f]{32}$'),
    user_id text,
    digest bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    spans integer NOT NULL CHECK (spans > 0),
    -- OTLP's ResourceSpans messages, compressed already.
    content bytea NOT NULL,
    UNIQUE (trace_id, digest)
);
ALTER TABLE trace_buffer ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX trace_buffer_by_user ON trace_buffer (tenant, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX trace_buffer_by_time ON trace_buffer (received_at);
SELECT protect_tenants('trace_buffer');
GRANT SELECT, INSERT, DELETE ON trace_buffer TO fairlead_app;

-- Traces that are wanted in the store after all. Like feedback_outbox it is worked off over all tenants and holds nothing
-- that anyone said. What has been sent waits here for spans that come late; so does what has not arrived yet.
CREATE TABLE trace_promotions (
    tenant text NOT NULL,
    trace_id text COLLATE "C" NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, trace_id)
);
CREATE INDEX trace_promotions_due ON trace_promotions (due_at);
CREATE INDEX trace_promotions_by_time ON trace_promotions (requested_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON trace_promotions TO fairlead_app;

-- Whose the held trace is. Spans that come after their root do not say it themselves.
CREATE FUNCTION trace_buffer_tenant(of_trace text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT tenant FROM trace_buffer WHERE trace_id = of_trace LIMIT 1
$$;

-- How much is held, over all tenants.
CREATE FUNCTION trace_buffer_size() RETURNS TABLE (spans bigint, bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(sum(spans), 0)::bigint, coalesce(sum(octet_length(content)), 0)::bigint FROM trace_buffer
$$;

-- Removes what is older than `most_age`, and then the oldest until the rest is within `most_bytes` and `most_rows`; says how
-- many spans went for which reason. Promotions end with the same age.
CREATE FUNCTION trim_trace_buffer(most_age interval, most_bytes bigint, most_rows bigint)
RETURNS TABLE (expired bigint, overflowed bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM trace_promotions WHERE requested_at < now() - most_age;
    WITH gone AS (DELETE FROM trace_buffer WHERE received_at < now() - most_age RETURNING spans)
    SELECT coalesce(sum(spans), 0) INTO expired FROM gone;
    WITH counted AS (
        SELECT no, sum(octet_length(content)) OVER newest_first AS bytes, row_number() OVER newest_first AS nth
        FROM trace_buffer WINDOW newest_first AS (ORDER BY no DESC)),
    gone AS (
        DELETE FROM trace_buffer WHERE no IN (SELECT no FROM counted WHERE bytes > most_bytes OR nth > most_rows)
        RETURNING spans)
    SELECT coalesce(sum(spans), 0) INTO overflowed FROM gone;
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION trace_buffer_tenant, trace_buffer_size, trim_trace_buffer FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trace_buffer_tenant, trace_buffer_size, trim_trace_buffer TO fairlead_app;
