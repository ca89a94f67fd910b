"""The mode that users get: documents go through the ingestion service as files, with its shipped chunking."""
