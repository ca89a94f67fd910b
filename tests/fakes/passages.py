"""A small invented handbook that the fake orchestrator quotes from."""

from typing import Any

FILES = (
    "harbour-rules.pdf",
    "pilotage.md",
    "storm-plan.docx",
    "berth-allocation.html",
    "tariffs-2026.pdf",
    "safety-briefing.txt",
)
QUESTIONS = (
    "Where may ships moor during a storm?",
    "When is a pilot compulsory?",
    "What does a night at the east quay cost?",
    "Who may close the harbour?",
)

_PASSAGES = (
    (
        "Harbour rules",
        "harbour-rules.pdf",
        12,
        "Ships moor at the east quay.",
        "4.2 Mooring\n\nOn arrival the master reports to the harbour office on channel 12. Ships moor at the east\n"
        "quay. Vessels over 120 metres need two tugs, and the harbour master assigns the order of arrival when more\n"
        "than one vessel waits outside the breakwater.\n\nLines are doubled when the wind is forecast above force 7.",
        0.91,
    ),
    (
        "Storm plan",
        "storm-plan.docx",
        3,
        "From force 9 the outer basin is closed and ships move to the inner basin.",
        "When a storm is announced, the harbour office calls every master. From force 9 the outer basin is closed and "
        "ships move to the inner basin. Masters who stay aboard keep watch on channel 12 until the all-clear.",
        0.84,
    ),
    (
        "Pilotage",
        "pilotage.md",
        None,
        "A pilot is compulsory for ships over 60 metres and for every tanker.",
        "A pilot is compulsory for ships over 60 metres and for every tanker. The pilot boards at the fairway buoy. "
        "Requests reach the pilot station two hours ahead.",
        0.78,
    ),
)


def citation(index: int, **changes: Any) -> dict[str, Any]:
    """The citation `[index]`, as the orchestrator writes it."""
    title, filename, page, quote, text, score = _PASSAGES[(index - 1) % len(_PASSAGES)]
    known = {"index": index, "file_id": f"file-{filename}", "filename": filename, "title": title, "page": page}
    return known | {"quote": quote, "text": text, "score": score, "chunk_id": f"chunk-{index}"} | changes
