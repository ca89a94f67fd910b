"""The store as a library: schema, catalog, and hybrid search over Postgres with pgvector."""
