"""What the worker counts."""

from common.metrics import counter, gauge, histogram, powers
from ingestion.failures import FILE_REASONS

FILES = counter(
    "ingest_files_total",
    "Files that left the queue, by result",
    ["result"],
    at_zero=("completed", "unchanged", "failed", "gone"),
)
FAILURES = counter("ingest_failures_total", "Files that failed, by reason", ["reason"], at_zero=FILE_REASONS)
RETRIES = counter(
    "ingest_retries_total", "Jobs put back into the queue, by cause", ["cause"], at_zero=("fault", "shutdown")
)
CHUNKS = counter("ingest_chunks_total", "Passages written to the index")
REMOVED = counter("ingest_removed_characters_total", "Characters that normalisation took out of texts", ["kind"])
EMBED_WAITS = counter("ingest_embed_waits_total", "Waits for a pool that was down or limited us")
EMBED_BATCH = gauge("ingest_embed_batch_texts", "Texts in one request to the pool, as many as it answers in time")
STEP_SECONDS = histogram("ingest_step_seconds", "Time of one file in each step", ["step"])
LAG = histogram(
    "ingest_lag_seconds",
    "From the order to index a file to its being found, waits and retries included",
    (),
    powers(-2, 17),
)
OLDEST_JOB = gauge("ingest_oldest_job_seconds", "For how long the oldest job that waits has been in the queue")
QUEUE = gauge("ingest_queue_jobs", "Jobs in the queue, by state", ["state"])
RESCUED = counter("ingest_rescued_jobs_total", "Jobs taken over from a worker that fell silent")
WORKER_RESTARTS = counter("ingest_worker_restarts_total", "Times the queue's worker ended on its own and was restarted")
SYNCS = counter("ingest_source_syncs_total", "Looks at the sources, by result", ["result"])
SYNC_FILES = counter("ingest_source_files_total", "What looks at the sources found, by change", ["change"])

# By source: as many as are configured, and gone when they are.
SOURCE = ["tenant", "source"]
SOURCE_SUCCESS = gauge("source_last_success_timestamp_seconds", "When each source was last in step", SOURCE)
SOURCE_LAG = gauge("source_lag_seconds", "Time since each source was last in step", SOURCE)
SOURCE_DOCUMENTS = gauge("source_documents", "Documents of each source: todo, done or failed", [*SOURCE, "state"])
SOURCE_FAILURES = counter(
    "source_failures_total", "Looks and documents that could not be read, by reason", [*SOURCE, "reason"]
)
SOURCE_STATES_LOST = counter("source_states_lost_total", "States of sources that could not be written down")
