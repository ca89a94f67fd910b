"""What can go wrong in the store, for callers to turn into their own wire format."""


class StoreError(Exception):
    """Base of this package's errors; the message is fit for the user."""


class NotFoundError(StoreError):
    """No such thing, or not the caller's to see."""

    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__(f"No {kind} found with id '{identifier}'.")
        self.kind = kind
        self.identifier = identifier


class InvalidError(StoreError):
    """The request cannot be meant; `param` names the place in it, such as `filters.filters[1].value`."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class ConflictError(StoreError):
    """It exists already, or its state does not allow this."""


class QuotaError(StoreError):
    """The tenant would hold more than it may. `limit` is `documents` or `bytes`."""

    def __init__(self, limit: str, most: int, used: int) -> None:
        super().__init__(
            f"Your quota of {most} {limit} is used up ({used} {limit} are in use): delete files, or ask for a larger "
            "quota."
        )
        self.limit = limit
        self.most = most
        self.used = used


class IncompleteError(ConflictError):
    """A shadow index lacks files that have come or changed meanwhile."""


class SpaceMismatchError(StoreError):
    """Vectors of two embedding spaces would be mixed."""


class SchemaError(StoreError):
    """The database's schema cannot be used or changed by this version of the code."""
