-- What callers of the LLM pool have used of their limits, and what each of its processes holds of them, so that a limit
-- holds over all processes and outlives a restart. The pool draws for all tenants, so it has no row-level security: it
-- holds numbers alone, by tenant, key and kind of limit. Rows of minutes and months are used again.
CREATE TABLE caller_ledger (
    account text PRIMARY KEY CHECK (length(account) <= 300),
    -- When the period began (Unix seconds); 0 for places of concurrency, which come back.
    period bigint NOT NULL DEFAULT 0,
    spent bigint NOT NULL DEFAULT 0,
    -- By process: [units held, when it last said so (Unix seconds)].
    held jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON caller_ledger TO fairlead_app;
