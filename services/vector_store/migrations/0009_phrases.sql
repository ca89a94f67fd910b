-- Passages that hold a phrase word for word: what was quoted in the query, or an identifier such as CVE-2024-3094, whose
-- parts are common words elsewhere. Each phrase is read as each language of the stores reads it. As keyword_candidates,
-- it reads as the owner and applies the tenant itself.
CREATE FUNCTION phrase_candidates(
    in_stores integer[], in_files bigint[], phrases text[], wanted integer
) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    asked record;
BEGIN
    FOR asked IN
        SELECT c.store_no, c.language, p.query, index_keys(c.store_no, p.terms) AS keys
        FROM store_counts AS c, LATERAL (
            SELECT phraseto_tsquery(c.language::regconfig, phrase) AS query,
                   to_tsvector(c.language::regconfig, phrase) AS terms
            FROM unnest(phrases) AS phrase
        ) AS p
        WHERE c.store_no = ANY(in_stores) AND c.tenant = current_setting('fairlead.tenant', true) AND c.chunks > 0
          AND numnode(p.query) > 0
    LOOP
        RETURN QUERY
        SELECT t.chunk_no FROM chunk_terms AS t
        WHERE t.tenant = current_setting('fairlead.tenant', true) AND t.language = asked.language
          AND index_keys(t.store_no, t.terms) @> asked.keys AND t.terms @@ asked.query
          AND (in_files IS NULL OR t.store_file_no = ANY(in_files))
        LIMIT wanted;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION phrase_candidates FROM PUBLIC;
GRANT EXECUTE ON FUNCTION phrase_candidates TO fairlead_app;
