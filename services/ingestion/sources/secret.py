"""A source's credential, whose absence is the source's trouble and not the worker's."""

from common.key_reference import KeyReference
from ingestion.failures import Reason
from ingestion.sources.kind import SourceUnavailable


class SecretReference(KeyReference):
    """Read again at each look."""

    def read(self) -> str:
        """The credential as it is now; raises SourceUnavailable naming the reference."""
        try:
            return super().read()
        except LookupError as error:
            raise SourceUnavailable(f"The credential cannot be had: {error}.", Reason.FORBIDDEN) from None
