-- Who did what: one row for every upload, deletion, search and change of a key, without a word of what was asked or
-- found. The application may add rows and read its tenant's, never change or remove one; the owner removes old ones.
CREATE TABLE audit_log (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Sorts by time. Whoever writes makes it, so that what is written twice is kept once.
    id text COLLATE "C" NOT NULL UNIQUE,
    tenant text NOT NULL CHECK (tenant <> ''),
    at timestamptz NOT NULL DEFAULT now(),
    action text NOT NULL CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    key_id text NOT NULL,
    key_name text NOT NULL DEFAULT '',
    store_id text,
    file_id text,
    request_id text,
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_by_tenant ON audit_log (tenant, id);
CREATE INDEX audit_log_by_key ON audit_log (tenant, key_id, id);
CREATE INDEX audit_log_by_store ON audit_log (tenant, store_id, id) WHERE store_id IS NOT NULL;
CREATE INDEX audit_log_by_time ON audit_log USING brin (at);
SELECT protect_tenants('audit_log');
GRANT SELECT, INSERT ON audit_log TO fairlead_app;

-- What a tenant holds, for its quota: kept by the database with every change of files, whichever way it comes. Whoever
-- adds a file holds the tenant's row until the end of the transaction, so the sum that is compared with a limit is
-- the true one, however many add at once.
CREATE TABLE tenant_usage (
    tenant text PRIMARY KEY,
    documents bigint NOT NULL CHECK (documents >= 0),
    bytes bigint NOT NULL CHECK (bytes >= 0)
) WITH (fillfactor = 50);

CREATE FUNCTION count_files() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO tenant_usage AS u (tenant, documents, bytes) VALUES (NEW.tenant, 1, NEW.bytes)
        ON CONFLICT (tenant) DO UPDATE SET documents = u.documents + 1, bytes = u.bytes + EXCLUDED.bytes;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE tenant_usage SET documents = documents - 1, bytes = bytes - OLD.bytes WHERE tenant = OLD.tenant;
    ELSE
        UPDATE tenant_usage SET bytes = bytes + NEW.bytes - OLD.bytes WHERE tenant = NEW.tenant;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION count_files FROM PUBLIC;
CREATE TRIGGER count_files AFTER INSERT OR DELETE OR UPDATE OF bytes ON files
    FOR EACH ROW EXECUTE FUNCTION count_files();
INSERT INTO tenant_usage (tenant, documents, bytes) SELECT tenant, count(*), sum(bytes) FROM files GROUP BY tenant;
SELECT protect_tenants('tenant_usage');
GRANT SELECT ON tenant_usage TO fairlead_app;

-- Requests of the minute that runs, taken in slices by each process that answers.
CREATE TABLE tenant_requests (
    tenant text PRIMARY KEY,
    minute bigint NOT NULL,
    taken integer NOT NULL
) WITH (fillfactor = 50);
SELECT protect_tenants('tenant_requests');
GRANT SELECT, INSERT, UPDATE ON tenant_requests TO fairlead_app;

-- Takes up to `wanted` of the `most` requests that a tenant may make in the minute that runs by this server's clock.
-- `taken` is what all processes have taken of it then, `seconds_left` how long the minute lasts.
CREATE FUNCTION take_requests(of_tenant text, wanted integer, most integer)
RETURNS TABLE (granted integer, taken integer, seconds_left float8)
LANGUAGE plpgsql AS $$
DECLARE
    minute_now bigint;
    before integer;
BEGIN
    INSERT INTO tenant_requests AS r (tenant, minute, taken) VALUES (of_tenant, 0, 0) ON CONFLICT DO NOTHING;
    PERFORM FROM tenant_requests AS r WHERE r.tenant = of_tenant FOR UPDATE;
    -- Read after the wait for the row, or a turn of the minute meanwhile would be undone.
    minute_now := floor(extract(epoch FROM clock_timestamp()) / 60);
    SELECT CASE WHEN r.minute = minute_now THEN r.taken ELSE 0 END INTO before
    FROM tenant_requests AS r WHERE r.tenant = of_tenant;
    granted := greatest(0, least(wanted, most - before));
    taken := before + granted;
    UPDATE tenant_requests AS r SET minute = minute_now, taken = before + granted WHERE r.tenant = of_tenant;
    seconds_left := 60 * (minute_now + 1) - extract(epoch FROM clock_timestamp());
    RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION take_requests FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_requests TO fairlead_app;

-- What a deleted file was under, by number, so that its erasure can be proven after it is gone. It holds no content;
-- the owner removes old rows with the audit log's.
CREATE TABLE deleted_files (
    id text COLLATE "C" PRIMARY KEY,
    tenant text NOT NULL,
    no bigint NOT NULL,
    store_file_nos bigint[] NOT NULL,
    store_nos integer[] NOT NULL,
    object_keys text[] NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now()
);
SELECT protect_tenants('deleted_files');
GRANT SELECT, INSERT ON deleted_files TO fairlead_app;
