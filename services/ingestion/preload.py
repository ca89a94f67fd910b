"""Imported once by the sandbox's server: loads parsers and tokenizer, so that each forked process has them ready."""

import gc
from contextlib import suppress

from ingestion.language import identifier
from ingestion.prepare import single_threaded
from ingestion.sandbox import tokens_of
from ingestion.tokens import tokenizer_file

single_threaded()
identifier()
# Without the default tokenizer's package the configured one is loaded for each file instead.
with suppress(ValueError):
    tokens_of(str(tokenizer_file(None))).warm_up()
# What is shared by all forks must not be touched by their garbage collectors, or each gets a copy of it.
gc.collect()
gc.freeze()
