"""Fits the constants of local_models' relevance to collections of questions, and says what they are worth.

    .venv/bin/python tests/load/calibrate_relevance.py DATA

DATA holds collections in BEIR layout, one folder each. Constants are looked for on every other query of a collection
and judged on the rest. A question is answerable when a document that was judged right for it is among the six that the
answerer sees, and unanswerable when all of these were taken out; a question of another collection is off topic.
"""

import asyncio
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from evaluation.collection import Collection, CollectionError, read
from local_models import answer
from local_models.answer import Candidate, candidates, chosen
from local_models.cores import usable_cores
from local_models.models import Models
from local_models.prompt import Prompt, Source
from local_models.reader import Reader
from local_models.relevance import EVEN_ODDS, STEEPNESS, WORD_SHARE, score, similarities

CANDIDATES = 30
SHOWN = 6
OFF_TOPIC = 100
CACHE_BYTES = 512 * 1024 * 1024
K1, B = 1.5, 0.75
# The answer threshold is the highest that still answers this share of the answerable questions.
ANSWERED = 0.96
WORD_SHARES = (0.0, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0)
_WORD = re.compile(r"\w+")

Floats = NDArray[np.float64]
console = Console(width=120)


class Bm25:
    """Okapi BM25 over whole documents: the order that reranking starts from."""

    def __init__(self, texts: Sequence[str]) -> None:
        bags = [Counter(_words(text)) for text in texts]
        lengths = np.array([bag.total() for bag in bags])
        self._norms = K1 * (1 - B + B * lengths / lengths.mean())
        self._postings: dict[str, tuple[list[int], list[int]]] = {}
        for place, bag in enumerate(bags):
            for word, count in bag.items():
                places, counts = self._postings.setdefault(word, ([], []))
                places.append(place)
                counts.append(count)

    def best(self, query: str, count: int) -> list[int]:
        scores = np.zeros(len(self._norms))
        for word in set(_words(query)) & self._postings.keys():
            places, counts = map(np.array, self._postings[word])
            idf = math.log(1 + (len(scores) - len(places) + 0.5) / (len(places) + 0.5))
            scores[places] += idf * counts * (K1 + 1) / (counts + self._norms[places])
        return np.argsort(-scores, kind="stable")[:count].tolist()


def _words(text: str) -> list[str]:
    # A crude stem is enough for a first stage.
    return [word.rstrip("s") for word in _WORD.findall(text.casefold())]


@dataclass
class Query:
    """What was measured for one query."""

    right: NDArray[np.bool_]
    """For each candidate document whether it was judged right."""
    similar: Floats
    """(candidates, 2): late interaction, and the cosine of the wholes."""
    ideal: float
    answerable: list[Candidate]
    """Sentences of six documents; the sources below `answers` are right."""
    answers: int
    unanswerable: list[Candidate]

    def blend(self, share: float) -> Floats:
        return self.similar @ [share, 1 - share]

    def ndcg(self, scores: Floats) -> float:
        order = np.argsort(-scores, kind="stable")[:10]
        return float(sum(1 / math.log2(rank + 2) for rank in range(len(order)) if self.right[order[rank]]) / self.ideal)


class Bench:
    """A collection's documents and how they are read."""

    def __init__(self, collection: Collection, reader: Reader) -> None:
        self.name = collection.name
        self.queries = collection.queries
        self.judgements = collection.judgements
        self.texts = [document.text for document in collection.documents.values()]
        self._places = {name: place for place, name in enumerate(collection.documents)}
        self._bm25 = Bm25([document.whole for document in collection.documents.values()])
        self._reader = reader

    async def measure(self, name: str) -> Query:
        asked = self.queries[name]
        golds = [self._places[document] for document, grade in self.judgements[name].items() if grade > 0]
        found = self._bm25.best(asked, CANDIDATES)
        reading = await self._reader.read(asked, [self.texts[place] for place in found], "batch")
        others = [place for place in found if place not in golds]
        seen = golds[:SHOWN]
        return Query(
            np.isin(found, golds),
            np.array([similarities(reading.question, passage) for passage in reading.passages]),
            sum(1 / math.log2(rank + 2) for rank in range(min(10, len(golds)))),
            await self._sentences(asked, seen + others[: SHOWN - len(seen)]),
            len(seen),
            await self._sentences(asked, others[:SHOWN]),
        )

    async def best_sentence(self, asked: str) -> float:
        """Of a question that this collection knows nothing about."""
        return _best(await self._sentences(asked, self._bm25.best(asked, SHOWN)))

    async def _sentences(self, asked: str, places: Sequence[int]) -> list[Candidate]:
        prompt = Prompt(asked, tuple(Source(mark, self.texts[place]) for mark, place in enumerate(places, 1)))
        return candidates(prompt, await self._reader.read(asked, [each.text for each in prompt.sources], "batch"))


def _best(sentences: Sequence[Candidate]) -> float:
    return max((sentence.relevance for sentence in sentences), default=0.0)


def auc(positive: Floats, negative: Floats) -> float:
    """The chance that one of the positive is above one of the negative."""
    order = np.argsort(np.concatenate([positive, negative]), kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(len(order))
    return float((ranks[: len(positive)].mean() - (len(positive) - 1) / 2) / len(negative))


def logistic(blends: Floats, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Even odds and steepness of the logistic curve, as if right and wrong documents were equally many (Newton)."""
    design = np.stack([blends, np.ones_like(blends)], axis=1)
    weight = np.where(right, 0.5 / right.sum(), 0.5 / (~right).sum())
    slope = np.zeros(2)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ slope))
        gradient = design.T @ (weight * (right - chance))
        slope += np.linalg.solve((design.T * (weight * chance * (1 - chance))) @ design, gradient)
    return -slope[1] / slope[0], slope[0]


def show_tuning(queries: Sequence[Query]) -> None:
    table = Table("share of words", "nDCG@10", "AUC of documents", title="tuning half: late interaction in the blend")
    right = np.concatenate([query.right for query in queries])
    for share in WORD_SHARES:
        blends = np.concatenate([query.blend(share) for query in queries])
        ndcg = np.mean([query.ndcg(query.blend(share)) for query in queries])
        table.add_row(f"{share}", f"{ndcg:.4f}", f"{auc(blends[right], blends[~right]):.4f}")
    console.print(table)
    even, steep = logistic(np.concatenate([query.blend(WORD_SHARE) for query in queries]), right)
    console.print(f"fitted: even odds {even:.3f}, steepness {steep:.1f} (in use: {EVEN_ODDS}, {STEEPNESS})")
    threshold = np.quantile([_best(query.answerable) for query in queries], 1 - ANSWERED)
    console.print(f"fitted: answer threshold {threshold:.3f} (in use: {answer.THRESHOLD})")


def show_curve(queries: Sequence[Query], off_topic: Floats) -> None:
    answerable, unanswerable = (
        np.array([_best(each) for each in sentences])
        for sentences in ([query.answerable for query in queries], [query.unanswerable for query in queries])
    )
    table = Table("threshold", "answered", "… when its document is gone", "… off topic", title="other half: answering")
    for threshold in sorted({*np.arange(0.3, 0.75, 0.05).round(2).tolist(), answer.THRESHOLD}):
        bests = (answerable, unanswerable, off_topic)
        shares = [f"{np.mean(best >= threshold):.1%}" if len(best) else "-" for best in bests]
        table.add_row(f"{threshold}{' *' if threshold == answer.THRESHOLD else ''}", *shares)
    console.print(table)
    console.print(f"AUC answerable over unanswerable {auc(answerable, unanswerable):.4f}")
    picked = [({quote.mark <= query.answers for quote in quotes}, quotes[0].mark <= query.answers, len(quotes))
              for query in queries if (quotes := chosen(query.answerable))]  # fmt: skip
    every = [quote.mark <= query.answers for query in queries for quote in chosen(query.answerable)]
    console.print(
        f"of {len(queries)} answerable questions: a right document is cited for "
        f"{sum(True in marks for marks, _, _ in picked) / len(queries):.1%}, first for "
        f"{sum(first for _, first, _ in picked) / len(queries):.1%}; "
        f"{np.mean(every):.1%} of all quotes are from one; {np.mean([count for _, _, count in picked]):.2f} quotes each"
    )


def show_reranking(queries: Sequence[Query]) -> None:
    right = np.concatenate([query.right for query in queries])
    scores = np.array([score(blend) for query in queries for blend in query.blend(WORD_SHARE)])
    orders = {
        "BM25": [query.ndcg(-np.arange(len(query.right), dtype=float)) for query in queries],
        "cosine of the wholes": [query.ndcg(query.blend(0.0)) for query in queries],
        "reranked": [query.ndcg(query.blend(WORD_SHARE)) for query in queries],
    }
    console.print(
        f"other half, nDCG@10 over BM25's first {CANDIDATES}: "
        + ", ".join(f"{name} {np.mean(each):.4f}" for name, each in orders.items())
    )
    middle = [float(np.median(scores[kind])) for kind in (right, ~right)]
    console.print(
        f"scores: right documents {middle[0]:.2f} in the middle, {np.mean(scores[right] >= 0.5):.0%} at least 0.5; "
        f"wrong ones {middle[1]:.2f}, {np.mean(scores[~right] >= 0.5):.0%}"
    )


async def calibrate(folder: Path, most: int) -> None:
    """Print everything for every collection in the folder."""
    models = Models.load(usable_cores())
    benches: list[Bench] = []
    for path in sorted(each for each in folder.iterdir() if each.is_dir()):
        benches.append(Bench(read(path), Reader(models, CACHE_BYTES)))
    for bench in benches:
        console.rule(bench.name)
        names = list(bench.queries)[:: max(1, len(bench.queries) // most)][:most]
        queries = [await bench.measure(name) for name in track(names, bench.name, console=console, transient=True)]
        strangers = [
            each for other in benches if other is not bench for each in list(other.queries.values())[:OFF_TOPIC]
        ]
        off_topic = np.array([await bench.best_sentence(asked) for asked in strangers])
        show_tuning(queries[::2])
        show_reranking(queries[1::2])
        show_curve(queries[1::2], off_topic)
    models.close()


def main(
    data: Annotated[Path, typer.Argument(help="Folder of collections in BEIR layout", exists=True, file_okay=False)],
    most: Annotated[int, typer.Option(min=20, help="Queries of each collection, at most")] = 600,
) -> None:
    """Calibrate relevance."""
    try:
        asyncio.run(calibrate(data, most))
    except CollectionError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
