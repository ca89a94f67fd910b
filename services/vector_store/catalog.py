"""Stores, files and what is attached to what: the system of record beside the chunk index."""

from vector_store.files import Files
from vector_store.source_files import SourceFile, SourceFiles
from vector_store.store_files import Attachment, StoreFiles
from vector_store.stores import Stores
from vector_store.tables import UNCHANGED

__all__ = ["UNCHANGED", "Attachment", "Catalog", "SourceFile"]


class Catalog(Stores, Files, StoreFiles, SourceFiles):
    """Every call is one transaction of the scope's tenant. Unknown or invisible things raise NotFoundError,
    values that break a rule InvalidError with the `param` at fault."""
