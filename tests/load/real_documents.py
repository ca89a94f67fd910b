"""Documents that nobody of this project wrote: collect them from Debian's packages, ask, and write down what came back.

apt-get install python3.11-doc git-doc debian-policy developers-reference debian-reference-en bash-doc doc-debian
python tests/load/real_documents.py collect /tmp/real-documents
make run DOCS=/tmp/real-documents
python tests/load/real_documents.py ask --out docs/real-documents.md
"""

import gzip
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx2 as httpx
import typer
import yaml

QUESTIONS = Path(__file__).with_name("real_questions.yaml")
DOC = Path("/usr/share/doc")
# Folder in the collection → files of installed packages.
SOURCES = {
    "python": [DOC / "python3.11/html" / part / "*.html" for part in ("library", "tutorial", "howto", "faq")],
    "git": [DOC / "git-doc/*.html"],
    "bash": [DOC / "bash-doc/bash.pdf"],
    "debian": [
        DOC / "debian/bug-*.txt*",
        # Only what is in force: the older versions say the same in other words.
        DOC / "debian/constitution.txt.gz",
        DOC / "debian/social-contract.txt.gz",
        DOC / "debian-policy/*.txt.gz",
        DOC / "debian-policy/fhs/fhs-3.0.txt.gz",
        Path("/usr/share/developers-reference/developers-reference.pdf"),
        Path("/usr/share/debian-reference/debian-reference.en.pdf"),
    ],
}
app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def collect(folder: Path) -> None:
    """Copy the documents into FOLDER, packed text files unpacked."""
    kinds: Counter[str] = Counter()
    for name, patterns in SOURCES.items():
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        for source in (path for pattern in patterns for path in sorted(pattern.parent.glob(pattern.name))):
            if source.suffix == ".gz":
                (target / source.stem).write_bytes(gzip.decompress(source.read_bytes()))
            else:
                shutil.copyfile(source, target / source.name)
            kinds[source.name.removesuffix(".gz").rpartition(".")[2]] += 1
    if not kinds:
        raise typer.BadParameter("nothing found: install the packages that the module's first lines name")
    print(", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))


@dataclass(frozen=True)
class Outcome:
    question: str
    expected: str
    answer: str
    cited: list[str]
    found: bool
    answered: bool
    seconds: float

    @property
    def verdict(self) -> str:
        if self.found and self.answered:
            return "right"
        return "right file, answer missed" if self.found else "missed"


@app.command()
def ask(
    url: Annotated[str, typer.Option(help="The orchestrator.")] = "http://127.0.0.1:8080",
    out: Annotated[Path | None, typer.Option(help="Where to write the report; none: print it.")] = None,
) -> None:
    """Ask every question and report right answers and misses alike."""
    with httpx.Client(base_url=url, timeout=60) as client:
        files = client.get("/v1/vector_stores").raise_for_status().json()["data"][0]["file_counts"]
        outcomes = [outcome(client, entry) for entry in yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))]
    report = "\n".join(lines(outcomes, files))
    if out is None:
        print(report)
    else:
        out.write_text(report + "\n", encoding="utf-8")


def outcome(client: httpx.Client, entry: dict[str, Any]) -> Outcome:
    began = time.perf_counter()
    body = {"model": "fairlead", "messages": [{"role": "user", "content": entry["question"]}]}
    reply = client.post("/v1/chat/completions", json=body).raise_for_status().json()
    seconds = time.perf_counter() - began
    answer = reply["choices"][0]["message"]["content"]
    cited = [Path(citation["filename"]).name for citation in reply["citations"]]
    file = entry["file"]
    if file is None:
        silent = "do not answer this question" in answer and not cited
        return Outcome(entry["question"], "(not in the documents)", answer, cited, silent, silent, seconds)
    answered = re.search(entry["answer"], answer) is not None
    return Outcome(entry["question"], f"{entry['answer']} ({file})", answer, cited, file in cited, answered, seconds)


def lines(outcomes: list[Outcome], files: dict[str, int]) -> Iterator[str]:
    counts = Counter(outcome.verdict for outcome in outcomes)
    middle = sorted(outcome.seconds for outcome in outcomes)[len(outcomes) // 2]
    yield "# Real documents, real questions"
    yield ""
    yield "Documentation from Debian's packages (Python, Git, Bash, Debian's own), ingested by `make run DOCS=…` with"
    yield "the shipped defaults and the offline models; questions whose answers were looked up by hand, misses kept."
    yield "Made by `python tests/load/real_documents.py` (its first lines give the commands)."
    yield ""
    yield f"{files['total']} files: {files['completed']} indexed, {files['failed']} failed. {len(outcomes)} questions: "
    yield (
        ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
        + f". Median {middle:.2f} s an answer."
    )
    yield ""
    yield "| question | expected | verdict | cited | answer |"
    yield "|---|---|---|---|---|"
    for item in outcomes:
        cells = (
            item.question,
            item.expected,
            item.verdict,
            ", ".join(dict.fromkeys(item.cited)),
            shortened(item.answer),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def shortened(text: str, longest: int = 400) -> str:
    return text if len(text) <= longest else text[:longest].rstrip() + " …"


if __name__ == "__main__":
    app()
