"""What the worker keeps of documents of many kinds: found by their words, and by what is known of them."""

import json
from typing import Any

import pytest

from fakes import documents, office
from integration.ingestion.worker_process import SCOPE, Bench

FILES: dict[str, bytes] = {
    "fees.xlsx": office.workbook({"Fees": [["Berth", "Fee"], ["East", 12], ["West", 9]]}),
    "deck.pptx": office.slides(("Mooring", ["Two lines fore"]), notes="Speak of the windlass."),
    "tides.epub": office.book(["<h1>Ebb</h1><p>Water leaves the basin.</p>"]),
    "mail.eml": office.mail("Die Schiffe legen am Ost\u200bkai an und zahlen dort ihre Gebühren."),
    "list.csv": b"berth;crane\nNorth;yes\nSouth;no\n",
    "list.json": json.dumps({"crane": {"model": "Liebherr"}}).encode(),
    "log.jsonl": b'{"vessel": "Aurora"}\n{"vessel": "Borealis"}\n',
    "plan.pdf": documents.pdf([["The plan of the slipway."]]),
    "港.txt": "船舶停靠在东码头，港口费用按吨位计算。".encode(),
}
FOUND = {
    "East": "fees.xlsx",
    "windlass": "deck.pptx",
    "basin": "tides.epub",
    "Schiff": "mail.eml",
    "North": "list.csv",
    "Liebherr": "list.json",
    "Borealis": "log.jsonl",
    "slipway": "plan.pdf",
    "港口费用": "港.txt",
    "Bligh": "tides.epub",
    "Lovelace": "mail.eml",
    "deck.pptx": "deck.pptx",
}


@pytest.fixture
async def filled(bench: Bench) -> Bench:
    bench.configure()
    bench.write(FILES)
    await bench.start()
    await bench.settled_as(dict.fromkeys(FILES, "completed"))
    return bench


async def test_every_kind_is_read_and_found_by_its_words_and_its_facts(filled: Bench) -> None:
    for words, name in FOUND.items():
        assert (await filled.found(words))[0] == name, words
    await filled.verify()
    files = await filled.files()
    facts = {name: file.document for name, file in files.items()}
    assert facts["mail.eml"]["language"] == "de"
    assert facts["mail.eml"]["removed"] == {"zero_width": 1}
    assert facts["mail.eml"]["author"] == "Ada Lovelace <ada@quay.example>"
    assert facts["tides.epub"]["date"] == "1789-04-28"
    assert facts["deck.pptx"]["pages"] == 1
    assert files["fees.xlsx"].bytes == len(FILES["fees.xlsx"])
    assert files["fees.xlsx"].source_path == "fees.xlsx"
    assert await filled.metric('fairlead_ingest_removed_characters_total{kind="zero_width"}') == 1


@pytest.mark.parametrize(
    ("strategy", "passages"),
    [
        ({"type": "sentence", "sentence": {"max_sentences": 2, "overlap_sentences": 1}}, 5),
        ({"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}, 1),
    ],
)
async def test_a_file_is_cut_as_it_was_asked_for(bench: Bench, strategy: dict[str, Any], passages: int) -> None:
    bench.configure(source=False)
    await bench.start()
    store = await bench.catalog.ensure_store(SCOPE, "default")
    text = "".join(f"# Rule {n}\n\nLine {n} is kept. \n\n" if n % 3 == 0 else f"Line {n} is kept. " for n in range(6))
    data = (
        " ".join(f"Line {n} is kept." for n in range(6)).encode() if strategy["type"] == "sentence" else text.encode()
    )
    await bench.objects.put("default/rules", data)
    file = await bench.catalog.create_file(
        SCOPE, filename="rules.md", bytes=len(data), sha256="1", object_key="default/rules"
    )
    await bench.catalog.attach(SCOPE, store.id, file.id, chunking_strategy=strategy)
    await bench.settled_as({"rules.md": "completed"})
    assert len(await bench.texts("rules.md")) == passages
