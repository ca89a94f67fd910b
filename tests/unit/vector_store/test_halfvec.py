"""Vectors travel as unit vectors in half precision, and only if they can be compared."""

import struct

import numpy as np
import pytest

from vector_store.errors import InvalidError
from vector_store.halfvec import to_halfvec, unit_vectors


def test_vectors_get_length_1() -> None:
    rows = unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]]), 2, "x")
    assert rows.tolist() == [pytest.approx([0.6, 0.8]), [0.0, 0.0]]
    assert unit_vectors(np.array([2.0, 0.0]), 2, "x").tolist() == [[1.0, 0.0]]


def test_no_vectors_are_no_rows() -> None:
    assert unit_vectors(np.empty((0, 3)), 3, "x").shape == (0, 3)
    assert unit_vectors([], 3, "x").shape == (0, 3)


@pytest.mark.parametrize("bad", [[[1.0, 2.0, 3.0]], [[np.nan, 1.0]], [[np.inf, 1.0]], [[[1.0, 2.0]]]])
def test_vectors_that_do_not_fit_are_refused(bad: list[object]) -> None:
    with pytest.raises(InvalidError):
        unit_vectors(np.array(bad), 2, "chunk 3")


def test_the_wire_format_is_big_endian_halves() -> None:
    assert to_halfvec(np.array([1.0, -2.0], np.float32)) == struct.pack(">HHee", 2, 0, 1.0, -2.0)
