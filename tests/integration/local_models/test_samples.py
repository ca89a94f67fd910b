"""The shipped samples: natural questions about them are answered, others are not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from ingestion.chunk import ChunkOptions
from ingestion.prepare import Request, prepare
from ingestion.tokens import Tokens
from local_models.weights import TOKENIZER_FILE, find_weights
from orchestrator.pipeline.passages import Passage
from orchestrator.pipeline.prompt import NO_ANSWER, PROMPT_TEMPLATE, render

SAMPLES = Path(__file__).parents[3] / "samples"
LIMIT = 10_000_000
SHOWN = 6


@dataclass
class Library:
    """The samples in passages, searched by meaning alone."""

    http: httpx.AsyncClient
    passages: list[tuple[str, str]]
    vectors: NDArray[np.float32]

    async def ask(self, question: str) -> str:
        (vector,) = await embedded(self.http, [question])
        best = np.argsort(-(self.vectors @ vector))[:SHOWN]
        shown = [
            Passage(n, "c", "f", self.passages[place][0], self.passages[place][1], 1.0)
            for n, place in enumerate(best, 1)
        ]
        messages = [{"role": "user", "content": render(PROMPT_TEMPLATE, shown, question)}]
        answer = await self.http.post("/chat/completions", json={"model": "extractive", "messages": messages})
        return answer.json()["choices"][0]["message"]["content"]


async def embedded(http: httpx.AsyncClient, texts: list[str]) -> NDArray[np.float32]:
    answer = await http.post("/embeddings", json={"model": "all-MiniLM-L6-v2", "input": texts})
    return np.array([item["embedding"] for item in answer.json()["data"]], dtype=np.float32)


@pytest.fixture(scope="module")
async def library(address: str) -> AsyncIterator[Library]:
    tokenizer = find_weights().folder / TOKENIZER_FILE
    options = ChunkOptions(size=256, overlap=0, window=256)
    found = [
        (path.name, passage)
        for path in sorted(SAMPLES.iterdir())
        for passage in prepare(
            Request(str(path), path.name, str(tokenizer), options, LIMIT, LIMIT), Tokens(tokenizer)
        ).passages
    ]
    async with httpx.AsyncClient(base_url=f"{address}/v1", timeout=60) as http:
        vectors = await embedded(http, [passage.windows[0] for _, passage in found])
        yield Library(http, [(name, passage.text) for name, passage in found], vectors)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What does a fairlead do?", "guides a line"),
        ("What is a bight?", "A slack part of a rope between its ends"),
        (
            "Which knot joins two ropes of different thickness?",
            "The sheet bend joins two ropes of different thickness.",
        ),
        ("What is the speed limit in the harbour?", "four knots between the outer mole and the fuel berth"),
        ("How thick should a mooring line be for a 10 m boat?", "1.2 mm of diameter for every metre"),
        ("How often should rollers be inspected?", "every three months"),
        ("May I swim in the harbour?", "Swimming and diving in the basins are forbidden"),
        ("What is the bending radius for HMPE?", "of fifteen times for HMPE or steel wire"),
        ("What should I do if the anchor drags?", "recover the anchor, clean it and start again"),
        ("How long should the spring be?", "the length of the boat"),
        ("What is snap-back?", "snaps back"),
        ("how do i stop chafe", "Tie the chafe gear to the line"),
    ],
)
async def test_a_natural_question_is_answered(library: Library, question: str, words: str) -> None:
    assert words in await library.ask(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who won the football world cup?",
        "What is the boiling point of tungsten in kelvin?",
        "How do I install Python?",
        "What is the capital of France?",
        "How much does a flight to London cost?",
        "What will the weather be tomorrow?",
        "When was the company founded?",
        "Tell me a joke.",
        "Wie wird das Wetter morgen?",
    ],
)
async def test_a_question_about_something_else_is_refused(library: Library, question: str) -> None:
    assert await library.ask(question) == NO_ANSWER
