"""Vectors on their way to PostgreSQL: unit length, half precision, binary."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import AsyncCursor
from psycopg.adapt import Dumper
from psycopg.pq import Format

from vector_store.errors import InvalidError
from vector_store.models import Vectors

BYTES_PER_NUMBER = 2


class HalfVector(bytes):
    """pgvector's wire format of a halfvec: dimension, a reserved word, then the numbers, all big-endian."""


def unit_vectors(vectors: npt.ArrayLike, dimension: int, what: str) -> Vectors:
    """The vectors with length 1, as rows. Raises InvalidError if they are not of the dimension, or not finite."""
    rows = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
    if rows.size == 0:
        return np.empty((0, dimension), np.float32)
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise InvalidError(f"{what}: has {rows.shape[-1]} dimensions where {dimension} are expected.", "vector")
    if not np.isfinite(rows).all():
        raise InvalidError(f"{what}: a vector has a number that is not finite.", "vector")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def to_halfvec(vector: Vectors) -> HalfVector:
    """One vector for a parameter that is cast to halfvec in the query."""
    return HalfVector(struct.pack(">HH", vector.shape[0], 0) + vector.astype(">f2").tobytes())


def adapt(cursor: AsyncCursor[Any]) -> None:
    """Lets the cursor send HalfVector parameters."""
    cursor.adapters.register_dumper(HalfVector, _HalfVectorDumper)


class _HalfVectorDumper(Dumper):
    format = Format.BINARY  # without a type of its own: the server takes it from the cast

    def dump(self, obj: HalfVector) -> bytes:
        return bytes(obj)
