-- The index: passages, their words with the counts that keyword scoring needs, and their vectors. Reading text is
-- rare (the hits shown), reading words and vectors is constant, so the three lie apart.

CREATE TABLE chunks (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    store_no integer NOT NULL,
    store_file_no bigint NOT NULL REFERENCES store_files ON DELETE CASCADE,
    position integer NOT NULL,
    text text NOT NULL,
    title text NOT NULL,
    headings text[] NOT NULL,
    page integer,
    page_end integer,
    tokens integer NOT NULL,
    metadata jsonb NOT NULL,
    UNIQUE (store_file_no, position)
);
CREATE INDEX chunks_by_store ON chunks (store_no);

CREATE TABLE chunk_terms (
    chunk_no bigint PRIMARY KEY,
    tenant text NOT NULL,
    store_no integer NOT NULL,
    store_file_no bigint NOT NULL REFERENCES store_files ON DELETE CASCADE,
    language text NOT NULL,
    length integer NOT NULL,
    terms tsvector NOT NULL
-- Scoring reads `terms` once for each word of a query: it must lie in the row, plain, as far as a page holds it.
) WITH (toast_tuple_target = 8160);
ALTER TABLE chunk_terms ALTER COLUMN terms SET STORAGE EXTERNAL;
CREATE INDEX chunk_terms_by_file ON chunk_terms (store_file_no);
CREATE INDEX chunk_terms_by_store ON chunk_terms (store_no);

-- The words of a passage: those of its title and its headings count as its own.
CREATE FUNCTION passage_terms(language regconfig, title text, headings text[], text text) RETURNS tsvector
LANGUAGE sql STABLE
RETURN to_tsvector(language, title || E'\n' || array_to_string(headings, E'\n') || E'\n' || text);

CREATE FUNCTION length_of(terms tsvector) RETURNS bigint
LANGUAGE sql IMMUTABLE
RETURN (SELECT coalesce(sum(cardinality(w.positions)), 0) FROM unnest(terms) AS w);

REVOKE ALL ON FUNCTION passage_terms, length_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION passage_terms, length_of TO fairlead_app;

-- A word's entry in the inverted index carries its store, so that looking it up in one store reads no other's.
-- The cost says: never compute this for a row when the index can answer.
CREATE FUNCTION index_keys(store_no integer, terms tsvector) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 100000
RETURN (SELECT array_agg(store_no || ':' || term) FROM unnest(tsvector_to_array(terms)) AS term);

-- Without the pending list (fastupdate) a search after a large write is as fast as any other.
CREATE INDEX chunk_terms_by_term ON chunk_terms USING gin (index_keys(store_no, terms)) WITH (fastupdate = off);

-- In how many chunks of a store a word occurs, and how many words a store's chunks have in each language.
CREATE TABLE term_counts (
    store_no integer NOT NULL REFERENCES stores ON DELETE CASCADE,
    term text COLLATE "C" NOT NULL,
    tenant text NOT NULL,
    chunks integer NOT NULL CHECK (chunks > 0),
    PRIMARY KEY (store_no, term)
) WITH (fillfactor = 70);

CREATE TABLE store_counts (
    store_no integer NOT NULL REFERENCES stores ON DELETE CASCADE,
    language text NOT NULL,
    tenant text NOT NULL,
    chunks bigint NOT NULL CHECK (chunks >= 0),
    length bigint NOT NULL CHECK (length >= 0),
    revision bigint NOT NULL,
    PRIMARY KEY (store_no, language)
) WITH (fillfactor = 70);

SELECT protect_tenants(t::regclass) FROM unnest(ARRAY['chunks', 'chunk_terms', 'term_counts', 'store_counts']) AS t;
GRANT SELECT, INSERT, DELETE ON chunks, chunk_terms TO fairlead_app;
GRANT SELECT ON term_counts, store_counts TO fairlead_app;

-- The counts follow every change of chunk_terms by whatever way it comes (a cascade, too), in its transaction.
-- Writers of one store take turns from here to their commit, which is why a writer touches chunk_terms last; the lock
-- is taken store by store in one order, so two writers never wait for each other.
CREATE FUNCTION count_terms() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM changed) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('fairlead.term_counts'), s.store_no)
    FROM (SELECT DISTINCT store_no FROM changed ORDER BY store_no) AS s;

    IF TG_OP = 'INSERT' THEN
        INSERT INTO term_counts AS t (store_no, term, tenant, chunks)
        SELECT c.store_no, w.lexeme, c.tenant, count(*)
        FROM changed AS c, unnest(c.terms) AS w
        GROUP BY 1, 2, 3 ORDER BY 1, 2
        ON CONFLICT (store_no, term) DO UPDATE SET chunks = t.chunks + EXCLUDED.chunks;

        INSERT INTO store_counts AS s (store_no, language, tenant, chunks, length, revision)
        SELECT store_no, language, tenant, count(*), sum(length), 1
        FROM changed GROUP BY 1, 2, 3 ORDER BY 1, 2
        ON CONFLICT (store_no, language) DO UPDATE
        SET chunks = s.chunks + EXCLUDED.chunks, length = s.length + EXCLUDED.length, revision = s.revision + 1;
    ELSE
        WITH gone AS (
            SELECT c.store_no, w.lexeme COLLATE "C" AS term, count(*) AS chunks
            FROM changed AS c, unnest(c.terms) AS w GROUP BY 1, 2
        ), emptied AS (
            DELETE FROM term_counts AS t USING gone AS g
            WHERE t.store_no = g.store_no AND t.term = g.term AND t.chunks <= g.chunks
        )
        UPDATE term_counts AS t SET chunks = t.chunks - g.chunks FROM gone AS g
        WHERE t.store_no = g.store_no AND t.term = g.term AND t.chunks > g.chunks;

        UPDATE store_counts AS s
        SET chunks = s.chunks - g.chunks, length = s.length - g.length, revision = s.revision + 1
        FROM (SELECT store_no, language, count(*) AS chunks, sum(length) AS length FROM changed GROUP BY 1, 2) AS g
        WHERE s.store_no = g.store_no AND s.language = g.language;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION count_terms FROM PUBLIC;
CREATE TRIGGER count_inserted AFTER INSERT ON chunk_terms REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_terms();
CREATE TRIGGER count_deleted AFTER DELETE ON chunk_terms REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_terms();

-- BM25 (Robertson, Zaragoza 2009) needs how often a word occurs in a passage. ts_rank of one word that occurs n times
-- is (1/1^2 + … + 1/n^2) / 1.64493406685 with all weights 1, which leaves 1/(n + 1/2) of pi^2/6 to within 0.06:
-- n = round(6/pi^2 / (1 - rank) - 1/2), and 0 for rank 0. One expression, no second look at the passage.
CREATE FUNCTION occurrences(rank real) RETURNS float8
LANGUAGE sql IMMUTABLE
RETURN round(0.6079271 / (1 - rank) - 0.5);

-- A word as a tsquery writes it.
CREATE FUNCTION word_query(word text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN '''' || replace(replace(word, '\', '\\'), '''', '''''') || '''';

-- `weights` are idf * (k1 + 1); `k` below is k1 * (1 - b + b * length / average).
CREATE FUNCTION bm25_expression(words text[], weights float8[]) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN (
    SELECT coalesce(string_agg(
        format('%s*(1-k/(k+occurrences(ts_rank(''{1,1,1,1}'',terms,%L))))', w.weight, word_query(w.word)), '+'), '0')
    FROM unnest(words, weights) AS w (word, weight)
);
REVOKE ALL ON FUNCTION occurrences, word_query, bm25_expression FROM PUBLIC;
GRANT EXECUTE ON FUNCTION occurrences, word_query TO fairlead_app;

-- Passages with any of `words` in any of `in_stores`, best first by these words alone. Row-level security keeps the
-- planner from using an index for operators that might leak a value in an error, and those of the inverted index count
-- as such; so this function reads as the owner and applies the tenant itself.
-- `in_files` keeps to those files (null: all); with `all_in_files` their passages are taken whether or not they have
-- one of the words, which is cheaper when they are few. `examine` bounds the passages looked at.
CREATE FUNCTION keyword_candidates(
    in_stores integer[], in_files bigint[], all_in_files boolean, words text[], weights float8[],
    k_fixed float8, k_per_word float8, examine integer, wanted integer
) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT chunk_no FROM ('
        '  SELECT chunk_no, terms, $1 + $2 * length AS k FROM chunk_terms WHERE tenant = $3 %s %s LIMIT $4) AS found '
        'ORDER BY %s DESC, chunk_no LIMIT $5',
        CASE WHEN in_files IS NOT NULL THEN 'AND store_file_no = ANY($6)' END,
        CASE WHEN NOT all_in_files THEN 'AND index_keys(store_no, terms) && $7' END,
        bm25_expression(words, weights))
    USING k_fixed, k_per_word, current_setting('fairlead.tenant', true), examine, wanted, in_files,
        (SELECT array_agg(s || ':' || w) FROM unnest(in_stores) AS s, unnest(words) AS w);
END
$$;
REVOKE ALL ON FUNCTION keyword_candidates FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keyword_candidates TO fairlead_app;

-- The keyword score of given passages and the language they are in, under the caller's own rights. Not an expression as
-- above: these passages are few, and planning one for each search costs more than it saves.
CREATE FUNCTION keyword_scores(
    of_chunks bigint[], words text[], weights float8[], k_fixed float8, k_per_word float8
) RETURNS TABLE (chunk_no bigint, score float8, language text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    queries tsquery[] := ARRAY(SELECT word_query(w)::tsquery FROM unnest(words) AS w);
BEGIN
    RETURN QUERY
    SELECT given.chunk_no, (
        SELECT sum(w.weight * (1 - given.k / (given.k + occurrences(ts_rank('{1,1,1,1}', given.terms, w.query)))))
        FROM unnest(queries, weights) AS w (query, weight)), given.language
    FROM (
        SELECT t.chunk_no, t.terms, t.language, k_fixed + k_per_word * t.length AS k
        FROM chunk_terms AS t WHERE t.chunk_no = ANY(of_chunks)
    ) AS given;
END
$$;
REVOKE ALL ON FUNCTION keyword_scores FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keyword_scores TO fairlead_app;

-- What a search must know before it looks: its stores, the query's words in each language that these hold, and how many
-- passages have each word. A function,
-- so that the connection keeps its plan: these are lookups by key, for which one plan is right for all values.
CREATE FUNCTION search_facts(for_tenant text, store_ids text[], query text)
RETURNS TABLE (stores jsonb, chunks bigint, length bigint, revisions text, languages jsonb, words jsonb,
               restricted boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    numbers integer[] := ARRAY(SELECT s.no FROM stores AS s WHERE s.tenant = for_tenant AND s.id = ANY(store_ids));
BEGIN
    SELECT jsonb_agg(jsonb_build_object(
               'no', s.no, 'id', s.id, 'space_no', s.space_no,
               'model', e.model, 'version', e.version, 'dimension', e.dimension,
               'space_vectors', (SELECT greatest(coalesce(max(c.reltuples), 0), 0)::bigint FROM pg_class AS c
                                 WHERE c.oid = to_regclass('vectors_' || s.space_no)),
               'expired', now() >= s.last_active_at + make_interval(days => s.expires_after_days),
               'idle', s.last_active_at < now() - interval '1 minute') ORDER BY s.no)
    INTO stores
    FROM stores AS s LEFT JOIN embedding_spaces AS e ON e.no = s.space_no WHERE s.no = ANY(numbers);

    SELECT coalesce(sum(c.chunks), 0)::bigint, coalesce(sum(c.length), 0)::bigint,
           string_agg(format('%s.%s.%s', c.store_no, c.language, c.revision), ' ' ORDER BY c.store_no, c.language)
    INTO chunks, length, revisions
    FROM store_counts AS c WHERE c.store_no = ANY(numbers);

    SELECT jsonb_object_agg(l.language, tsvector_to_array(to_tsvector(l.language::regconfig, query))) INTO languages
    FROM (SELECT DISTINCT c.language FROM store_counts AS c WHERE c.store_no = ANY(numbers) AND c.chunks > 0) AS l;

    SELECT jsonb_object_agg(w.term, w.chunks) INTO words
    FROM (
        SELECT q.term, coalesce(sum(t.chunks), 0) AS chunks
        FROM (
            SELECT DISTINCT term COLLATE "C" AS term
            FROM jsonb_each(languages) AS l, jsonb_array_elements_text(l.value) AS term
        ) AS q LEFT JOIN term_counts AS t ON t.store_no = ANY(numbers) AND t.term = q.term
        GROUP BY q.term
    ) AS w;

    restricted := EXISTS (SELECT FROM store_files AS f WHERE f.restricted AND f.store_no = ANY(numbers));
    RETURN NEXT;
END
$$;

-- The passages shown, by number.
CREATE FUNCTION passages(numbers bigint[])
RETURNS TABLE (no bigint, "position" integer, text text, title text, headings text[], page integer, page_end integer,
               tokens integer, metadata jsonb, store_id text, file_id text, filename text, attributes jsonb)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT c.no, c."position", c.text, c.title, c.headings, c.page, c.page_end, c.tokens, c.metadata,
           s.id, f.id, f.filename, sf.attributes
    FROM chunks AS c
    JOIN store_files AS sf ON sf.no = c.store_file_no
    JOIN files AS f ON f.no = sf.file_no
    JOIN stores AS s ON s.no = sf.store_no
    WHERE c.no = ANY(numbers);
END
$$;
REVOKE ALL ON FUNCTION search_facts, passages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_facts, passages TO fairlead_app;

-- A table of vectors for a space. It is narrow and its vectors lie in the row, so that an exact scan of a small store
-- reads as few pages as can be. A passage longer than the model's window has several rows.
CREATE FUNCTION register_space(model text, version text, dimension integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    space integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('fairlead.embedding_spaces'), 0);
    SELECT e.no INTO space FROM embedding_spaces AS e
    WHERE e.model = $1 AND e.version = $2 AND e.dimension = $3;
    IF space IS NOT NULL THEN
        RETURN space;
    END IF;
    INSERT INTO embedding_spaces (model, version, dimension) VALUES ($1, $2, $3) RETURNING no INTO space;
    EXECUTE format(
        'CREATE TABLE vectors_%1$s ('
        '    chunk_no bigint NOT NULL,'
        '    "window" smallint NOT NULL,'
        '    tenant text NOT NULL,'
        '    store_no integer NOT NULL,'
        '    store_file_no bigint NOT NULL REFERENCES store_files ON DELETE CASCADE,'
        '    embedding halfvec(%2$s) NOT NULL,'
        '    PRIMARY KEY (chunk_no, "window")'
        ')', space, dimension);
    EXECUTE format('ALTER TABLE vectors_%s ALTER COLUMN embedding SET STORAGE PLAIN', space);
    EXECUTE format('CREATE INDEX vectors_%1$s_by_file ON vectors_%1$s (store_file_no)', space);
    EXECUTE format('CREATE INDEX vectors_%1$s_by_store ON vectors_%1$s (store_no)', space);
    -- Vectors are stored with length 1, so that the inner product is the cosine and the cheapest to compute.
    EXECUTE format('CREATE INDEX vectors_%1$s_nearest ON vectors_%1$s USING hnsw (embedding halfvec_ip_ops)', space);
    PERFORM protect_tenants(format('vectors_%s', space)::regclass);
    EXECUTE format('GRANT SELECT, INSERT, DELETE ON vectors_%s TO fairlead_app', space);
    RETURN space;
END
$$;
REVOKE ALL ON FUNCTION register_space FROM PUBLIC;
GRANT EXECUTE ON FUNCTION register_space TO fairlead_app;
