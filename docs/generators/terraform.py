"""What Terraform's files say, as tables: rules, columns, inputs, outputs, modules; and the test of the rules."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).parents[2] / "terraform"
TABLES = ("clusters", "model_deployments", "databases", "storage", "firewall_rules", "identities")
# The list of a table's columns and its rules are named in the singular.
SINGULAR = {
    "clusters": "cluster",
    "model_deployments": "model_deployment",
    "databases": "database",
    "storage": "storage",
    "firewall_rules": "firewall_rule",
    "identities": "identity",
}
BRIDGE = ROOT / "modules" / "bridge" / "variables.tf"


def rules() -> Iterator[tuple[str, str, str]]:
    """Table, rule and what it says, in the order of the files."""
    lists = {
        name: value for file in ("clouds", *TABLES) for name, value in _locals(file).items() if isinstance(value, list)
    }
    for table in TABLES:
        yield from ((table, rule, says) for rule, says in _shared_rules("file_rules") + _shared_rules("shared_rules"))
        for rule, body in _locals(table)[f"{SINGULAR[table]}_rules"].items():
            yield table, rule, _readable(body["says"], lists)


def rules_test() -> str:
    """terraform/modules/inventory/tests/rules.tftest.hcl."""
    lines = [
        "# Made by `make generate` from the rules. Each run gives the module an inventory that breaks one rule. Each",
        "# has all files: OpenTofu does not let a run take its variables from those of the file.",
        "variables {",
        '  cloud       = "aws"',
        '  environment = "dev"',
        '  region      = "eu-central-1"',
        "}",
        "",
        *_run("a_good_inventory", {}, fails=False),
    ]
    for table, rule, _ in rules():
        broken = f"../../../tests/terraform/bad/{table}.{rule}.csv"
        lines += ["", *_run(f"{table}_{rule}", {table: broken}, fails=True)]
    return "\n".join(lines) + "\n"


def _run(name: str, files: dict[str, str], *, fails: bool) -> Iterator[str]:
    yield f'run "{name}" {{'
    yield "  command = plan"
    yield "  variables {"
    yield "    files = {"
    for table in TABLES:
        yield f'      {table.ljust(17)} = "{files.get(table, f"../../aws/inventory/{table}.csv")}"'
    yield "    }"
    yield "  }"
    if fails:
        yield "  expect_failures = [output.rows]"
    yield "}"


def text() -> str:
    """docs/terraform-reference.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Terraform: reference"
    yield ""
    yield "Made by `make generate` from `terraform/`. How to use it: [terraform.md](terraform.md)."
    yield ""
    yield "## Tables and rules"
    yield ""
    yield "A plan fails with every rule that a row breaks: the file, the row, the cell, the rule."
    yield "`tests/terraform/bad/` has a file that breaks each, named `<table>.<rule>.csv`."
    yield from ["", "### Every table", "", "| rule | what it says |", "|---|---|"]
    shared = _shared_rules("file_rules") + _shared_rules("shared_rules")
    yield from (f"| `{rule}` | {_cell(says)} |" for rule, says in shared)
    for table in TABLES:
        columns = [_plain(name) for name in _locals(table)[f"{SINGULAR[table]}_columns"]]
        yield from ["", f"### {table}.csv", "", f"Columns: {', '.join(f'`{name}`' for name in columns)}.", ""]
        own = [(rule, says) for of, rule, says in rules() if of == table and (rule, says) not in shared]
        yield f"{len(shared) + len(own)} rules: those of every table, and"
        yield from ["", "| rule | what it says |", "|---|---|"]
        yield from (f"| `{rule}` | {_cell(says)} |" for rule, says in own)
    yield from [
        "",
        "## Facts",
        "",
        "Annotations of the Argo CD cluster secret; the same keys in all clouds, empty where",
    ]
    yield from ["a cloud has no such thing.", "", "| annotation | what it says |", "|---|---|"]
    yield from (f"| `fairlead.dev/{name}` | {_cell(says)} |" for name, says in facts().items())
    yield from ["", "## Roots", "", "The four roots take the same inputs and give the same outputs."]
    yield from _interface(ROOT / "aws")
    yield from [
        "",
        "## Modules",
        "",
        "What needs what in the AWS root; the others differ in details. The inventory is what",
    ]
    yield from ["all begin with, the bridge where they end.", "", "```mermaid", "graph LR"]
    yield from (f"  {needed} --> {name}" for needed, name in dependencies("aws"))
    yield "```"
    for folder in sorted({path.parent for path in (ROOT / "modules").rglob("variables.tf")}):
        yield from ["", f"### {folder.relative_to(ROOT / 'modules').as_posix()}"]
        yield from _interface(folder)


def facts() -> dict[str, str]:
    """What every cloud says of a cluster, as the bridge's variable lists it: the key, and what it means."""
    block = BRIDGE.read_text(encoding="utf-8").partition('variable "facts"')[2].partition("\n}\n")[0]
    return dict(re.findall(r"^    ([a-z-]+) += string # (.+)$", block, re.MULTILINE))


def dependencies(cloud: str) -> list[tuple[str, str]]:
    """Which module of a root takes something from which, by their names there; what needs none needs the inventory."""
    source = "".join((ROOT / cloud / file).read_text(encoding="utf-8") for file in ("main.tf", "common.tf"))
    # What a root says of itself in its locals is what the facts are made of.
    collected = source.partition("locals {\n")[2].partition("\n}\n")[0]
    found: list[tuple[str, str]] = []
    for name, body in re.findall(r'^module "(\w+)" \{\n(.*?)^\}$', source, re.MULTILINE | re.DOTALL):
        read = body + (collected if "local.facts" in body else "")
        needed = sorted(set(re.findall(r"\bmodule\.(\w+)", read)) - {name})
        found += [(other, name) for other in needed or ["inventory"] if other != name]
    return found


def interface(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """A root's or a module's variables and outputs, by name."""
    return dict(_blocks(folder / "variables.tf", "variable")), dict(_blocks(folder / "outputs.tf", "output"))


def _interface(folder: Path) -> Iterator[str]:
    inputs, outputs = interface(folder)
    yield from ["", "| input | default | what it is |", "|---|---|---|"]
    for name, body in inputs.items():
        default = "" if "default" not in body else f"`{_hcl(body['default'])}`"
        yield f"| `{name}` | {_cell(default)} | {_cell(_plain(body['description']))} |"
    yield from ["", "| output | what it is |", "|---|---|"]
    yield from (f"| `{name}` | {_cell(_plain(body['description']))} |" for name, body in outputs.items())


def _blocks(file: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for block in _read(file).get(kind, []):
        for name, body in block.items():
            if name != "__is_block__":
                yield _plain(name), body


def _locals(file: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for block in _read(ROOT / "modules" / "inventory" / f"{file}.tf")["locals"]:
        found.update(block)
    return found


def _read(file: Path) -> dict[str, Any]:
    return hcl2.loads(file.read_text(encoding="utf-8"))


def _shared_rules(name: str) -> list[tuple[str, str]]:
    """The rules of every table are one expression; they are read from its text."""
    source = (ROOT / "modules" / "inventory" / "main.tf").read_text(encoding="utf-8")
    block = source.partition(f"  {name} = {{")[2].partition("\n  }\n")[0]
    found = re.findall(r"^      (\w+) = \{\n(?:        column = .*\n)?        says +\= \"(.*)\"$", block, re.MULTILINE)
    lists = {"environments": ['"dev"', '"test"', '"prod"']}
    return [(rule, _readable(f'"{says}"', lists)) for rule, says in found]


def _readable(text: str, lists: dict[str, Any]) -> str:
    """A message with its lists filled in; what depends on the cloud or the row is named instead."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        return ", ".join(_plain(item) for item in lists[name]) if name in lists else f"what `clouds.tf` lists as {name}"

    text = re.sub(r'\$\{join\(", ", local\.(\w+)\)\}', fill, _plain(text))
    text = re.sub(r"\$\{join\(.*?columns\[table\]\)\}", "of its table", text)
    text = re.sub(r"\$\{length\(.*?\)\} columns", "columns", text)
    return re.sub(r"\$\{(?:local\.file|var)\.(\w+)\}", lambda match: f"`{match[1]}`", text).replace('\\"', '"')


def _plain(text: Any) -> str:
    return str(text).strip().removeprefix('"').removesuffix('"')


def _hcl(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{_plain(key)} = {_hcl(item)}" for key, item in value.items() if key != "__is_block__")
            + "}"
        )
    return str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
