-- Stores, files and what is attached to what. Every row has a tenant, and row-level security lets the application
-- role see and write the rows of one tenant only: the one named by SET LOCAL fairlead.tenant in its transaction.
-- The owner (migrations, verify, stats) has a policy of its own, for operations span tenants.

CREATE FUNCTION protect_tenants(target regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    -- The setting is read in a subquery so that it is evaluated once for a statement, not once for a row.
    EXECUTE format(
        'CREATE POLICY tenant_isolation ON %s TO fairlead_app '
        'USING (tenant = (SELECT current_setting(''fairlead.tenant'', true)))', target);
    EXECUTE format('CREATE POLICY owner_operations ON %s TO fairlead_owner USING (true)', target);
END
$$;
REVOKE ALL ON FUNCTION protect_tenants FROM PUBLIC;

-- Vectors compare only within a space. Each space has a table of vectors of its own (see 0002).
CREATE TABLE embedding_spaces (
    no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL CHECK (model <> ''),
    version text NOT NULL,
    dimension integer NOT NULL CHECK (dimension BETWEEN 1 AND 3800),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (model, version, dimension)
);
GRANT SELECT ON embedding_spaces TO fairlead_app;

-- Identifiers sort by creation time; "C" makes them sort so in a database of any locale.
CREATE TABLE stores (
    no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    tenant text NOT NULL CHECK (tenant <> ''),
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    metadata jsonb NOT NULL DEFAULT '{}',
    space_no integer REFERENCES embedding_spaces,
    expires_after_days integer CHECK (expires_after_days BETWEEN 1 AND 365),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_active_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stores_by_tenant ON stores (tenant, id);
CREATE INDEX stores_by_name ON stores (tenant, name, id);

CREATE TABLE files (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    tenant text NOT NULL CHECK (tenant <> ''),
    filename text NOT NULL,
    purpose text NOT NULL,
    bytes bigint NOT NULL CHECK (bytes >= 0),
    sha256 text NOT NULL,
    content_type text NOT NULL,
    object_key text NOT NULL,
    groups text[] NOT NULL DEFAULT '{}',
    source text,
    source_path text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((source IS NULL) = (source_path IS NULL))
);
CREATE INDEX files_by_tenant ON files (tenant, id);
CREATE UNIQUE INDEX files_by_source ON files (tenant, source, source_path) WHERE source IS NOT NULL;

CREATE TABLE file_batches (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    tenant text NOT NULL CHECK (tenant <> ''),
    store_no integer NOT NULL REFERENCES stores ON DELETE CASCADE,
    cancelled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX file_batches_by_store ON file_batches (store_no);

CREATE TABLE store_files (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL CHECK (tenant <> ''),
    store_no integer NOT NULL REFERENCES stores ON DELETE CASCADE,
    file_no bigint NOT NULL REFERENCES files ON DELETE CASCADE,
    batch_no bigint REFERENCES file_batches ON DELETE SET NULL,
    status text NOT NULL DEFAULT 'in_progress' CHECK (status IN ('in_progress', 'completed', 'failed', 'cancelled')),
    error_code text CHECK (error_code IN ('server_error', 'unsupported_file', 'invalid_file')),
    error_message text,
    attributes jsonb NOT NULL DEFAULT '{}',
    chunking_strategy jsonb,
    groups text[] NOT NULL DEFAULT '{}',
    restricted boolean NOT NULL GENERATED ALWAYS AS (groups <> '{}') STORED,
    fingerprint text,
    language text,
    chunk_count integer NOT NULL DEFAULT 0,
    vector_count integer NOT NULL DEFAULT 0,
    usage_bytes bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    indexed_at timestamptz,
    UNIQUE (store_no, file_no)
);
CREATE INDEX store_files_by_file ON store_files (file_no);
CREATE INDEX store_files_by_batch ON store_files (batch_no) WHERE batch_no IS NOT NULL;
CREATE INDEX store_files_restricted ON store_files (store_no) WHERE restricted;
CREATE INDEX store_files_by_status ON store_files (store_no, status) INCLUDE (usage_bytes);

SELECT protect_tenants(t::regclass) FROM unnest(ARRAY['stores', 'files', 'file_batches', 'store_files']) AS t;
GRANT SELECT, INSERT, UPDATE, DELETE ON stores, files, file_batches, store_files TO fairlead_app;
