"""One running pool for the tests that bring a configuration of their own."""

from collections.abc import AsyncIterator, Callable

import pytest

from integration.llm_proxy.pool_process import Pool, running


@pytest.fixture(scope="module")
async def shared_pool(
    tmp_path_factory: pytest.TempPathFactory, free_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[Pool]:
    config = {"models": {"none": {"endpoints": [{"name": "x", "url": "http://127.0.0.1:1/v1"}]}}}
    file = tmp_path_factory.mktemp("shared") / "pool.yaml"
    async with running(file, free_tcp_port_factory(), config, {"UPSTREAM_KEY": "sk-upstream"}) as started:
        yield started
