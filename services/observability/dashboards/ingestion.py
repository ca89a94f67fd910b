"""Ingestion: how far the index is behind its sources, what fails, and whether documents are as they usually are."""

from observability.dashboards.panel import Dashboard, Panel, Query, Row
from observability.dashboards.promql import or_zero, quantile, rate, series, total

SOURCE = "{{tenant}} {{source}}"
RECENT, USUAL, DEVIATION = (series(f"fairlead_ingest_quality_{name}") for name in ("recent", "usual", "deviation"))
BAND = "tenant, source, measure"
HALVES = (0.5, 0.95)

INGESTION = Dashboard(
    "ingestion",
    "Fairlead: Ingestion",
    "ingestion",
    "How far the index is behind what it should hold, what fails, and whether documents are as they usually are.",
    (
        Row(
            "Behind",
            (
                Panel(
                    "Time from the order to index a file to its being found",
                    "s",
                    "Waits and retries included.",
                    tuple(Query(quantile(q, "fairlead_ingest_lag_seconds"), f"p{q * 100:g}") for q in HALVES),
                ),
                Panel(
                    "Jobs in the queue",
                    "short",
                    "todo waits, doing is being read, failed was given up by the queue itself and waits for a person.",
                    (Query(f"max by (state) ({series('fairlead_ingest_queue_jobs')})", "{{state}}"),),
                ),
                Panel(
                    "Age of the oldest job that waits",
                    "s",
                    "Rises with the clock when nothing is taken from the queue.",
                    (Query(f"max({series('fairlead_ingest_oldest_job_seconds')})", "oldest"),),
                    at_most=900,
                ),
                Panel(
                    "Time since each source was in step",
                    "s",
                    "A saw's teeth of the source's interval; a line that only rises is a source that fails.",
                    (Query(f"max by (tenant, source) ({series('fairlead_source_lag_seconds')})", SOURCE),),
                    at_most=86_400,
                ),
                Panel(
                    "Documents of each source",
                    "short",
                    "todo, done and failed.",
                    (
                        Query(
                            f"max by (tenant, source, state) ({series('fairlead_source_documents')})",
                            SOURCE + " {{state}}",
                        ),
                    ),
                ),
                Panel(
                    "Looks at sources",
                    "cps",
                    "By result.",
                    (Query(total(rate("fairlead_ingest_source_syncs_total"), "result"), "{{result}}"),),
                ),
            ),
        ),
        Row(
            "Work and failures",
            (
                Panel(
                    "Files that left the queue",
                    "cps",
                    "completed and unchanged are good, gone was deleted meanwhile, failed has its reason beside.",
                    (Query(total(rate("fairlead_ingest_files_total"), "result"), "{{result}}"),),
                ),
                Panel(
                    "Files that failed, by reason",
                    "cps",
                    "The file's own fault mostly: its owner sees the same reason on the documents page.",
                    (Query(or_zero(total(rate("fairlead_ingest_failures_total"), "reason")), "{{reason}}"),),
                ),
                Panel(
                    "What could not be read of sources",
                    "cps",
                    "By source and reason; forbidden and http_error are the source's, refused_address our own rules'.",
                    (
                        Query(
                            or_zero(total(rate("fairlead_source_failures_total"), "tenant", "source", "reason")),
                            SOURCE + " {{reason}}",
                        ),
                    ),
                ),
                Panel(
                    "Time of one file in each step, p95",
                    "s",
                    "prepare reads and cuts it, embed waits for the models, write is the database.",
                    (Query(quantile(0.95, "fairlead_ingest_step_seconds", by=("step",)), "{{step}}"),),
                ),
                Panel(
                    "Passages written",
                    "cps",
                    "The pace of the whole.",
                    (Query(total(rate("fairlead_ingest_chunks_total")), "passages"),),
                ),
                Panel(
                    "Jobs put back, rescued, and waits for the pool",
                    "cps",
                    "fault: something it depends on was away; rescued: a worker fell silent; pool: it was down or "
                    "limited us.",
                    (
                        Query(or_zero(total(rate("fairlead_ingest_retries_total"), "cause")), "{{cause}}"),
                        Query(total(rate("fairlead_ingest_rescued_jobs_total")), "rescued"),
                        Query(total(rate("fairlead_ingest_embed_waits_total")), "pool"),
                    ),
                ),
            ),
        ),
        Row(
            "Data quality",
            (
                Panel(
                    "Deviations from what is usual",
                    "none",
                    "How many standard deviations the last 20 documents of a source are from the windows before "
                    "them, by "
                    "measure. Above 3 is an unusual batch: a template changed, an export broke. Needs 140 documents "
                    "of a "
                    "source to begin.",
                    (Query(f"max by ({BAND}) (abs({RECENT} - {USUAL}) / {DEVIATION})", SOURCE + " {{measure}}"),),
                    at_most=3,
                ),
                Panel(
                    "Mean of the last 20 documents",
                    "short",
                    "The measures themselves. The shares without title or language are between 0 and 1.",
                    (Query(f"max by ({BAND}) ({RECENT})", SOURCE + " {{measure}}"),),
                    kind="table",
                ),
                Panel(
                    "Documents without text, title or language",
                    "cps",
                    "Without text: scanned pages, mostly.",
                    (Query(or_zero(total(rate("fairlead_ingest_documents_lacking_total"), "lacking")), "{{lacking}}"),),
                ),
                Panel(
                    "Size of documents",
                    "bytes",
                    "As they came.",
                    tuple(Query(quantile(q, "fairlead_ingest_document_bytes"), f"p{q * 100:g}") for q in HALVES),
                ),
                Panel(
                    "Passages of a document",
                    "short",
                    "1 for all of them: headings are no longer found, or documents are empty shells.",
                    tuple(Query(quantile(q, "fairlead_ingest_document_chunks"), f"p{q * 100:g}") for q in HALVES),
                ),
                Panel(
                    "Length of the text",
                    "short",
                    "Characters.",
                    tuple(Query(quantile(q, "fairlead_ingest_document_characters"), f"p{q * 100:g}") for q in HALVES),
                ),
                Panel(
                    "Rows of tables",
                    "short",
                    "Of documents that have some; 0 while none had.",
                    (Query(or_zero(quantile(0.5, "fairlead_ingest_document_rows")), "p50"),),
                ),
                Panel(
                    "Characters that normalisation took out",
                    "cps",
                    "By kind. Many of one kind from one source: its encoding is broken.",
                    (Query(or_zero(total(rate("fairlead_ingest_removed_characters_total"), "kind")), "{{kind}}"),),
                ),
            ),
        ),
    ),
)
