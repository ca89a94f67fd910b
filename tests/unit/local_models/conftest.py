"""The genuine models, loaded once for the tests of this folder."""

from collections.abc import AsyncIterator

import pytest

from local_models.models import Models
from local_models.reader import Reader

CACHE_BYTES = 8 * 1024 * 1024


@pytest.fixture(scope="session")
async def models() -> AsyncIterator[Models]:
    models = Models.load(cores=2)
    yield models
    models.close()


@pytest.fixture
def reader(models: Models) -> Reader:
    return Reader(models, CACHE_BYTES)
