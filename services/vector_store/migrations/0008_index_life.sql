-- A second index of a store in another embedding space, built beside the one that serves until it takes its place. It
-- consists of vectors alone: passages and words are those of the store.
CREATE TABLE shadow_indexes (
    store_no integer PRIMARY KEY REFERENCES stores ON DELETE CASCADE,
    tenant text NOT NULL,
    space_no integer NOT NULL REFERENCES embedding_spaces,
    started_at timestamptz NOT NULL DEFAULT now()
);

-- The files whose present passages have their vectors in it.
CREATE TABLE shadow_files (
    store_file_no bigint PRIMARY KEY REFERENCES store_files ON DELETE CASCADE,
    store_no integer NOT NULL REFERENCES shadow_indexes ON DELETE CASCADE,
    tenant text NOT NULL,
    vectors integer NOT NULL,
    fingerprint text NOT NULL
);
CREATE INDEX shadow_files_by_store ON shadow_files (store_no);
SELECT protect_tenants(t::regclass) FROM unnest(ARRAY['shadow_indexes', 'shadow_files']) AS t;
GRANT SELECT, INSERT, DELETE ON shadow_indexes, shadow_files TO fairlead_app;
-- A store that changes its space is another index snapshot.
GRANT UPDATE (revision) ON store_counts TO fairlead_app;

-- Passages that go take their vectors in the shadow along, and their file has to be looked at again, whichever way they
-- go: so what is written while a shadow is built reaches both.
CREATE FUNCTION forget_shadow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shadow record;
BEGIN
    FOR shadow IN
        SELECT s.store_no, s.space_no FROM shadow_indexes AS s WHERE s.store_no IN (SELECT store_no FROM gone)
    LOOP
        DELETE FROM shadow_files WHERE store_file_no IN (
            SELECT store_file_no FROM gone WHERE gone.store_no = shadow.store_no);
        EXECUTE format('DELETE FROM vectors_%s WHERE chunk_no IN (SELECT no FROM gone)', shadow.space_no);
    END LOOP;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION forget_shadow FROM PUBLIC;
CREATE TRIGGER forget_shadow AFTER DELETE ON chunks REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION forget_shadow();
