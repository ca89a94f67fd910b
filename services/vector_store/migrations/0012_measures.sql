-- What is measured of retrieval and of ingestion.

-- With each passage goes when the index took it in, so that the age of what answers draw on can be told.
DROP FUNCTION passages(bigint[]);
CREATE FUNCTION passages(numbers bigint[])
RETURNS TABLE (no bigint, "position" integer, text text, title text, headings text[], page integer, page_end integer,
               tokens integer, metadata jsonb, store_id text, file_id text, filename text, attributes jsonb,
               indexed_at float8)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT c.no, c."position", c.text, c.title, c.headings, c.page, c.page_end, c.tokens, c.metadata,
           s.id, f.id, f.filename, sf.attributes, extract(epoch FROM sf.indexed_at)::float8
    FROM chunks AS c
    JOIN store_files AS sf ON sf.no = c.store_file_no
    JOIN files AS f ON f.no = sf.file_no
    JOIN stores AS s ON s.no = sf.store_no
    WHERE c.no = ANY(numbers);
END
$$;
REVOKE ALL ON FUNCTION passages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION passages TO fairlead_app;

-- What documents usually are like, by source: a control chart. Documents are taken in windows; of the windows' means the
-- mean and the variance are kept, each new one counting for `gain`. Workers of all tenants share it, so it has no
-- row-level security: it holds numbers alone, by configured source.
CREATE TABLE ingest_quality (
    tenant text NOT NULL,
    source text NOT NULL,
    measure text NOT NULL,
    -- The window that is open: documents so far, and the sum of their values.
    documents integer NOT NULL DEFAULT 0,
    total float8 NOT NULL DEFAULT 0,
    -- The windows that are closed: how many, the mean of the last, and what is usual.
    windows bigint NOT NULL DEFAULT 0,
    recent float8,
    usual float8,
    variance float8 NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, source, measure)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON ingest_quality TO fairlead_app;

-- Adds one document's values. A window that is complete is first compared with what was usual before it, so `usual` and
-- `variance` are those of the windows before `recent`: a window must not hide in a band that it has widened itself.
CREATE FUNCTION note_quality(of_tenant text, of_source text, measures text[], amounts float8[], of_window integer,
                             gain float8)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ingest_quality AS q (tenant, source, measure, documents, total)
    SELECT of_tenant, of_source, m, 1, a FROM unnest(measures, amounts) AS given (m, a) ORDER BY m
    ON CONFLICT (tenant, source, measure) DO UPDATE SET documents = q.documents + 1, total = q.total + EXCLUDED.total;
    UPDATE ingest_quality AS q SET
        recent = q.total / q.documents,
        usual = CASE WHEN q.recent IS NULL THEN NULL WHEN q.usual IS NULL THEN q.recent
                     ELSE q.usual + step.share * (q.recent - q.usual) END,
        -- A weighted variance, step by step (Finch, Incremental calculation of weighted mean and variance, 2009).
        variance = CASE WHEN q.usual IS NULL THEN 0
                        ELSE (1 - step.share) * (q.variance + step.share * (q.recent - q.usual) ^ 2) END,
        windows = q.windows + 1, documents = 0, total = 0
    FROM (SELECT p.measure, greatest(gain, 1.0 / greatest(p.windows, 1)) AS share
          FROM ingest_quality AS p WHERE p.tenant = of_tenant AND p.source = of_source) AS step
    WHERE q.tenant = of_tenant AND q.source = of_source AND q.measure = step.measure AND q.documents >= of_window;
END
$$;
REVOKE ALL ON FUNCTION note_quality FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_quality TO fairlead_app;
