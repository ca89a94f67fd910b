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


class SpaceMismatchError(StoreError):
    """Vectors of two embedding spaces would be mixed."""


class SchemaError(StoreError):
    """The database's schema cannot be used or changed by this version of the code."""
