"""Feedback is kept at once, forwarded when the trace store can take it, and never twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from aiohttp import web

from conftest import Database
from integration.orchestrator.conftest import Platform, StartPlatform, until

TRACE = "0123456789abcdef0123456789abcdef"


@dataclass
class FakeMlflow:
    """MLflow's assessments, as far as they matter here: by id, and refused while `status` says so."""

    status: int = 200
    stored: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    calls: list[str] = field(default_factory=list[str])
    lose_answers: int = 0
    url: str = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.calls.append(f"{request.method} {request.path}")
        if self.status != 200:
            return web.json_response({"error_code": "X"}, status=self.status)
        assessment_id = request.path.rpartition("/")[2]
        if request.method == "GET":
            return web.json_response({}, status=200 if assessment_id in self.stored else 404)
        body = (await request.json())["assessment"]
        if request.method == "POST":
            assert body["assessment_id"] not in self.stored, "created twice"
        self.stored[body["assessment_id"]] = body
        if self.lose_answers:
            self.lose_answers -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"assessment": body})


@pytest.fixture
async def mlflow() -> AsyncIterator[FakeMlflow]:
    fake = FakeMlflow()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


async def say(platform: Platform, **fields: Any) -> dict[str, Any]:
    response = await platform.http.post("/v1/feedback", json={"trace_id": TRACE, "value": "up", **fields})
    assert response.status_code == 201, response.text
    return response.json()


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.superuser_url) as connection:
        return connection.execute(query).fetchall()


async def test_feedback_is_stored(platform: Platform, database: Database) -> None:
    said = await say(platform, value="down", rationale="Wrong year", user="ada", trace_id=f"tr-{TRACE.upper()}")
    assert (said["trace_id"], said["value"], said["rationale"], said["user"]) == (TRACE, "down", "Wrong year", "ada")
    query = "SELECT id, tenant, trace_id, value, rationale, user_id FROM feedback"
    assert rows(database, query) == [(said["id"], "default", TRACE, False, "Wrong year", "ada")]
    assert rows(database, "SELECT count(*) FROM feedback_outbox") == [(0,)]


async def test_a_rating_is_a_number(platform: Platform, database: Database) -> None:
    assert (await say(platform, value=4.5))["value"] == 4.5
    assert rows(database, "SELECT value FROM feedback") == [(4.5,)]


async def test_the_last_word_of_each_person_counts(platform: Platform, database: Database) -> None:
    first = await say(platform, user="ada")
    second = await say(platform, user="ada", value="down", rationale="On second thought")
    other = await say(platform, user="bob")
    assert first["id"] == second["id"] != other["id"]
    query = "SELECT user_id, value, revision FROM feedback ORDER BY user_id"
    assert rows(database, query) == [("ada", False, 2), ("bob", True, 1)]


async def test_it_is_forwarded_as_an_assessment_of_the_trace(
    start_platform: StartPlatform, mlflow: FakeMlflow, database: Database
) -> None:
    platform = await start_platform(mlflow_url=mlflow.url)
    said = await say(platform, rationale="Good", user="ada")
    await until(lambda: mlflow.stored, "the assessment")
    stored = mlflow.stored[said["id"]]
    assert stored["trace_id"] == f"tr-{TRACE}"
    assert stored["feedback"] == {"value": True}
    assert stored["source"] == {"source_type": "HUMAN", "source_id": "ada"}
    assert stored["rationale"] == "Good"
    await until(lambda: rows(database, "SELECT count(*) FROM feedback_outbox") == [(0,)], "an empty outbox")
    assert rows(database, "SELECT forwarded_at IS NOT NULL FROM feedback") == [(True,)]


async def test_a_trace_that_is_not_there_yet_is_waited_for(
    start_platform: StartPlatform, mlflow: FakeMlflow, database: Database
) -> None:
    mlflow.status = 404
    platform = await start_platform(mlflow_url=mlflow.url)
    await say(platform)
    await until(lambda: len(mlflow.calls) >= 2, "the first try")
    assert rows(database, "SELECT forwarded_at, forward_error FROM feedback") == [(None, None)]
    mlflow.status = 200
    await until(lambda: mlflow.stored, "a later try")


async def test_an_answer_that_was_lost_makes_no_second_assessment(
    start_platform: StartPlatform, mlflow: FakeMlflow, database: Database
) -> None:
    mlflow.lose_answers = 1
    platform = await start_platform(mlflow_url=mlflow.url)
    await say(platform)
    await until(lambda: rows(database, "SELECT count(*) FROM feedback_outbox") == [(0,)], "an empty outbox")
    assert len(mlflow.stored) == 1
    assert [call.split()[0] for call in mlflow.calls if "POST" in call] == ["POST"]


async def test_a_changed_mind_updates_the_same_assessment(start_platform: StartPlatform, mlflow: FakeMlflow) -> None:
    platform = await start_platform(mlflow_url=mlflow.url)
    said = await say(platform, user="ada")
    await until(lambda: mlflow.stored, "the assessment")
    await say(platform, user="ada", value="down")
    await until(lambda: mlflow.stored[said["id"]]["feedback"] == {"value": False}, "the update")
    assert len(mlflow.stored) == 1


async def test_what_the_trace_store_refuses_is_not_tried_for_ever(
    start_platform: StartPlatform, mlflow: FakeMlflow, database: Database
) -> None:
    mlflow.status = 400
    platform = await start_platform(mlflow_url=mlflow.url)
    await say(platform)
    await until(lambda: rows(database, "SELECT count(*) FROM feedback_outbox") == [(0,)], "an empty outbox")
    assert rows(database, "SELECT forwarded_at, forward_error FROM feedback") == [(None, "refused: HTTP 400")]
    assert 'fairlead_feedback_forwarded_total{result="refused"}' in (await platform.http.get("/metrics")).text


async def test_feedback_that_grew_old_is_given_up_and_kept(
    start_platform: StartPlatform, mlflow: FakeMlflow, database: Database
) -> None:
    mlflow.status = 503
    platform = await start_platform(mlflow_url=mlflow.url, feedback_max_age_s=0.001)
    await say(platform)
    await until(lambda: rows(database, "SELECT count(*) FROM feedback_outbox") == [(0,)], "an empty outbox")
    assert rows(database, "SELECT value, forward_error FROM feedback") == [(True, "given up: HTTP 503")]


async def test_two_replicas_forward_each_word_once(
    start_platform: StartPlatform, mlflow: FakeMlflow, database: Database
) -> None:
    first = await start_platform(mlflow_url=mlflow.url)
    second = await start_platform(mlflow_url=mlflow.url)
    await asyncio.gather(*(say(replica, user=str(n)) for n in range(20) for replica in (first, second)))
    await until(lambda: rows(database, "SELECT count(*) FROM feedback_outbox") == [(0,)], "an empty outbox")
    assert len(mlflow.stored) == 20
