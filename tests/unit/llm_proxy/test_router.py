"""The course of one request: which failure leads where, how often, and what each does to the endpoint."""

import random

import pytest

from common.errors import ApiError
from fakes.pool_plan import Clock, ask, config, plan, router
from llm_proxy.ask import Tried
from llm_proxy.config import PoolConfig
from llm_proxy.failures import Failure, Next, is_context_length, of_status
from llm_proxy.plan import Compiler
from llm_proxy.router import Reservation, Router

KEYED = [{"key": {"env": "POOL_TEST_KEY"}}, {}]


def reserve(one: Router, tried: Tried) -> Reservation:
    place = one.reserve(ask(), tried)
    assert place is not None
    return place


@pytest.mark.parametrize("failure", [Failure.NETWORK, Failure.SERVER_ERROR, Failure.MALFORMED])
def test_network_and_5xx_are_tried_once_on_another_endpoint(failure: Failure) -> None:
    one, tried = router(config(3), Clock()), Tried()
    first = reserve(one, tried)
    assert first.failed(failure) is Next.RETRY
    second = reserve(one, tried)
    assert second.endpoint is not first.endpoint
    assert second.failed(failure) is Next.STOP


@pytest.mark.parametrize("failure", [Failure.LIMITED, Failure.TIMEOUT])
def test_429_and_timeout_go_to_another_endpoint_until_the_calls_are_used_up(failure: Failure) -> None:
    one, tried = router(config(5), Clock()), Tried()
    seen: set[str] = set()
    for then in (Next.RETRY, Next.RETRY, Next.STOP):
        place = reserve(one, tried)
        seen.add(place.endpoint.name)
        assert place.failed(failure) is then
    assert len(seen) == 3


def test_the_requests_own_fault_is_never_sent_twice() -> None:
    one, tried = router(config(3), Clock()), Tried()
    assert reserve(one, tried).failed(Failure.REJECTED) is Next.STOP
    assert all(endpoint.state.plain for endpoint in one.plan.models["m"].endpoints)


def test_what_does_not_fit_goes_to_the_larger_model() -> None:
    endpoint = {"name": "x", "url": "http://x.test/v1"}
    settings = PoolConfig.model_validate(
        {"models": {"m": {"endpoints": [endpoint], "larger": "big"}, "big": {"endpoints": [endpoint]}}}
    )
    one, tried = router(settings, Clock()), Tried()
    assert reserve(one, tried).failed(Failure.CONTEXT_LENGTH) is Next.LARGER
    place = reserve(one, tried)
    assert place.model.name == "big"
    assert place.failed(Failure.CONTEXT_LENGTH) is Next.STOP


def test_a_single_endpoint_that_breaks_is_not_called_again() -> None:
    one, tried = router(config(1), Clock()), Tried()
    assert reserve(one, tried).failed(Failure.NETWORK) is Next.STOP


def test_a_refused_key_is_out_until_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_TEST_KEY", "old")
    clock = Clock()
    compiler = Compiler(clock)
    one = Router(compiler.compile(config([{"key": {"env": "POOL_TEST_KEY"}}])), clock=clock)
    place = reserve(one, Tried())
    assert place.auth == ("authorization", "Bearer old")
    assert place.failed(Failure.KEY_REFUSED) is Next.STOP
    clock.now += 4
    assert one.reserve(ask(), Tried()) is None
    assert [c.reason for c in one.explain(ask())] == ["key_refused"]
    monkeypatch.setenv("POOL_TEST_KEY", "new")
    compiler.looked(compiler.keys.refresh())
    assert reserve(one, Tried()).auth == ("authorization", "Bearer new")


def test_a_key_that_was_rotated_meanwhile_is_used_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_TEST_KEY", "old")
    one, tried = router(config([{"key": {"env": "POOL_TEST_KEY"}}]), Clock()), Tried()
    place = reserve(one, tried)
    monkeypatch.setenv("POOL_TEST_KEY", "new")
    assert place.failed(Failure.KEY_REFUSED) is Next.RETRY
    assert reserve(one, tried).auth == ("authorization", "Bearer new")


def test_a_provider_that_takes_a_key_back_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_TEST_KEY", "same")
    clock = Clock()
    one = router(config([{"key": {"env": "POOL_TEST_KEY"}}]), clock)
    reserve(one, Tried()).failed(Failure.KEY_REFUSED)
    clock.now += 301
    probe = reserve(one, Tried())
    assert one.reserve(ask(), Tried()) is None
    probe.succeeded(0.1)
    reserve(one, Tried())


def test_a_storm_of_429s_costs_few_calls() -> None:
    """Every endpoint refuses every call and lies about when: calls stay under 1.2 for each request."""
    clock = Clock()
    one = router(config(4), clock, draw=random.Random(3).random)
    calls = requests = 0
    for _ in range(2000):
        clock.now += 0.01
        requests += 1
        tried = Tried()
        then = Next.RETRY
        while then is Next.RETRY and (place := one.reserve(ask(), tried)) is not None:
            calls += 1
            then = place.failed(Failure.LIMITED, 0.001)
    assert calls <= 1.2 * requests + 5


def test_a_flaky_half_of_the_pool_is_not_felt() -> None:
    """One endpoint refuses everything at once again: nobody is refused, and few calls are made twice."""
    clock = Clock()
    one = router(config(2), clock, draw=random.Random(3).random)
    calls = 0
    for _ in range(1000):
        clock.now += 1.0
        tried = Tried()
        while True:
            place = reserve(one, tried)
            calls += 1
            if place.endpoint.name == "e1":
                place.succeeded(0.1)
                place.release()
                break
            assert place.failed(Failure.LIMITED, 0.5) is Next.RETRY
    assert calls <= 1200 + 100


def test_a_retry_is_not_made_when_the_share_is_used_up() -> None:
    one = router(config(2, retry={"share": 0, "reserve": 1}, breaker={"failures": 1000}), Clock())
    assert reserve(one, Tried()).failed(Failure.TIMEOUT) is Next.RETRY
    assert reserve(one, Tried()).failed(Failure.TIMEOUT) is Next.STOP


def test_release_frees_the_place_once() -> None:
    one = router(config(1), Clock())
    place = reserve(one, Tried())
    place.release()
    place.release()
    assert one.plan.models["m"].endpoints[0].state.in_flight == 0


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(ApiError, match="There are: m") as refused:
        router(config(1), Clock()).reserve(ask(model="x"), Tried())
    assert refused.value.status == 404


def test_a_request_ends_on_the_configuration_it_began_on() -> None:
    clock = Clock()
    compiler = Compiler(clock)
    one = Router(compiler.compile(config(2)), clock=clock)
    tried = Tried()
    reserve(one, tried).failed(Failure.TIMEOUT)
    one.use(compiler.compile(config([{"name": "new"}])))
    assert reserve(one, tried).endpoint.name in ("e0", "e1")
    assert reserve(one, Tried()).endpoint.name == "new"


def test_what_is_known_of_an_endpoint_outlives_a_reload_while_name_and_url_stay() -> None:
    clock = Clock()
    compiler = Compiler(clock)
    before = compiler.compile(config(2)).models["m"].endpoints
    before[0].state.limited(clock.now, 60)
    after = compiler.compile(config([{"weight": 5}, {"url": "http://moved.test/v1"}])).models["m"].endpoints
    assert after[0].state is before[0].state
    assert after[1].state is not before[1].state


def test_limits_are_split_by_the_copies_of_the_pool() -> None:
    limits = {"tokens_per_minute": 900, "requests_per_minute": 180, "concurrency": 10}
    state = plan(config([{"limits": limits}]), Clock(), share=3).models["m"].endpoints[0].state
    assert state.tokens is not None and state.requests is not None
    assert (state.tokens.limit, state.requests.limit, state.concurrency) == (300, 10, 3)


def test_explain_names_why_and_until_when_and_sends_nothing() -> None:
    clock = Clock()
    one = router(config([{}, {"limits": {"concurrency": 1}}, {"priority": 1}, {"priority": 2}]), clock)
    first, second = one.plan.models["m"].endpoints[:2]
    first.state.limited(clock.now, 30)
    second.state.take(clock.now, 1)
    found = {c.endpoint: (c.chosen, c.reason, c.free_in_s) for c in one.explain(ask())}
    assert found == {
        "e0": (False, "limited by the endpoint", 30.0),
        "e1": (False, "concurrency limit", None),
        "e2": (True, "chosen", 0.0),
        "e3": (False, "priority 1 has room", 0.0),
    }
    assert sum(e.state.in_flight for e in one.plan.models["m"].endpoints) == 1


def test_urls_and_names_as_each_kind_wants_them() -> None:
    azure = {"kind": "azure", "url": "https://a.test", "model": "dep", "api_version": "2024-10-21"}
    openai, azured = plan(config([{}, azure]), Clock()).models["m"].endpoints
    assert openai.urls["embeddings"] == "http://e0.test/v1/embeddings"
    assert openai.model is None
    assert azured.model == b'"dep"'
    assert azured.urls["chat"] == "https://a.test/openai/deployments/dep/chat/completions?api-version=2024-10-21"
    assert azured.urls["responses"] == "https://a.test/openai/responses?api-version=2024-10-21"


def test_statuses_fall_into_the_classes_of_the_design() -> None:
    classes = {s: of_status(s) for s in (200, 400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529)}
    assert classes[200] is None
    assert {s for s, c in classes.items() if c is Failure.REJECTED} == {400, 404, 413, 422}
    assert {s for s, c in classes.items() if c is Failure.KEY_REFUSED} == {401, 403}
    assert {s for s, c in classes.items() if c is Failure.SERVER_ERROR} == {500, 502, 503, 529}
    assert (classes[429], classes[408]) == (Failure.LIMITED, Failure.TIMEOUT)
    assert is_context_length(b'{"error": {"code": "context_length_exceeded"}}')
    assert not is_context_length(b'{"error": {"code": "invalid_prompt"}}')
