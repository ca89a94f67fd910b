"""Why a file could not be ingested: one reason code for machines and one sentence for its owner."""

from enum import StrEnum


class Reason(StrEnum):
    """Codes of everything that can be wrong with one file; they label metrics and lists of failures."""

    EMPTY = "empty_file"
    TOO_LARGE = "file_too_large"
    UNSUPPORTED = "unsupported_file"
    ENCRYPTED = "encrypted_file"
    CORRUPT = "corrupt_file"
    NO_TEXT = "no_text"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "extraction_crashed"
    UNREADABLE = "unreadable_file"
    MISSING = "missing_file"
    REJECTED = "embedding_rejected"
    WRONG_SPACE = "wrong_embedding_space"
    GAVE_UP = "gave_up"
    # Of sources: why a document or a whole source could not be read.
    UNREACHABLE = "unreachable"
    HTTP_ERROR = "http_error"
    REFUSED_ADDRESS = "refused_address"
    REFUSED_REDIRECT = "refused_redirect"
    FORBIDDEN = "forbidden"
    INVALID = "invalid_content"
    LIMIT = "limit_reached"


OF_SOURCES = (
    Reason.UNREACHABLE,
    Reason.HTTP_ERROR,
    Reason.REFUSED_ADDRESS,
    Reason.REFUSED_REDIRECT,
    Reason.FORBIDDEN,
    Reason.INVALID,
    Reason.LIMIT,
)
FILE_REASONS = tuple(reason.value for reason in Reason if reason not in OF_SOURCES)
"""What can be wrong with a file once it is in the queue."""


class FileFailure(Exception):
    """This file fails, alone and for good: trying again without a change of the file or the limits cannot help."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def empty() -> FileFailure:
    """Nothing in it, or nothing but white space."""
    return FileFailure(Reason.EMPTY, "The file is empty.")


def too_large(what: str, limit_bytes: int) -> FileFailure:
    """`what` is over a configured limit."""
    return FileFailure(Reason.TOO_LARGE, f"{what} is larger than the limit of {size(limit_bytes)}.")


def corrupt(kind: str) -> FileFailure:
    """The file begins like a `kind` but cannot be read as one."""
    return FileFailure(Reason.CORRUPT, f"The file is damaged or incomplete: it cannot be read as {kind}.")


def encrypted(kind: str) -> FileFailure:
    """A password would be needed."""
    return FileFailure(Reason.ENCRYPTED, f"The {kind} is protected by a password. Save a copy without it.")


def no_text(kind: str) -> FileFailure:
    """Well-formed, but there is nothing to read: usually a scan."""
    advice = "it probably holds scanned pages: run text recognition (OCR) on it first."
    return FileFailure(Reason.NO_TEXT, f"The {kind} holds no text; {advice}")


def size(n: int) -> str:
    """Bytes in words that people use: `48 MiB`."""
    value = float(n)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
