"""Each rule of the inventory has a file that breaks it, and says which file, row and rule it was."""

import json
import re
import shutil
from pathlib import Path

import pytest

from terraform.runs import BAD, TABLES, TERRAFORM, Folder, TerraformFailed, copied, initialised

GOOD = TERRAFORM / "aws" / "inventory"
CASES = sorted(path.stem for path in BAD.glob("*.csv"))
HARNESS = """
module "case" {
  for_each    = jsondecode(file("cases.json"))
  source      = "./inventory"
  cloud       = "aws"
  environment = "dev"
  region      = "eu-central-1"
  files       = each.value
}
"""


def test_every_rule_has_a_file_that_breaks_it() -> None:
    from generators.terraform import rules

    assert sorted(f"{table}.{rule}" for table, rule, _ in rules()) == CASES


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """One plan with all broken inventories at once: case → the lines of its message."""
    folder = tmp_path_factory.mktemp("rules")
    shutil.copytree(copied(folder) / "modules" / "inventory", folder / "inventory")
    (folder / "main.tf").write_text(HARNESS)
    files = {table: str(GOOD / f"{table}.csv") for table in TABLES}
    cases = {case: {**files, case.partition(".")[0]: str(BAD / f"{case}.csv")} for case in CASES}
    (folder / "cases.json").write_text(json.dumps(cases))
    output = initialised(folder).run("plan", "-input=false", "-json", expect=(1,))
    messages = [json.loads(line) for line in output.splitlines()]
    found: dict[str, list[str]] = {case: [] for case in CASES}
    for message in messages:
        lines = message.get("diagnostic", {}).get("detail", "").splitlines()
        if lines and (case := re.match(r"([a-z_]+\.[a-z_]+)\.csv", lines[1])):
            found[case[1]] = lines[1:]
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_broken_inventory_names_file_row_and_rule(said: dict[str, list[str]], case: str) -> None:
    remark = (BAD / f"{case}.csv").read_text().splitlines()[1]
    row = re.match(r"# row (\d+): .+", remark)
    assert row, f"line 2 of {case}.csv must say which row is wrong and why: {remark}"
    lines = [line for line in said[case] if line]
    assert lines, "the plan did not fail"
    assert all(line.endswith(f"[rule {case}]") for line in lines), "only the rule that is broken speaks"
    expected = f"{case}.csv: " if row[1] == "1" else f"{case}.csv row {row[1]}"
    assert any(line.startswith(expected) for line in lines), lines


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp", "kind"])
def test_the_shipped_inventories_are_good(tmp_path: Path, cloud: str) -> None:
    folder = planned(tmp_path, cloud, TERRAFORM / cloud / "inventory")
    folder.run("plan", "-input=false", "-no-color")


def test_a_spreadsheet_s_file_reads_like_one_written_by_hand(tmp_path: Path) -> None:
    """A byte order mark, carriage returns, blank lines, remarks, spaces around cells, columns in another order."""
    shutil.copytree(GOOD, tmp_path / "changed")
    storage = tmp_path / "changed" / "storage.csv"
    header, *rows = [line.split(",") for line in storage.read_text().splitlines()]
    lines = [" , ".join(reversed(cells)) for cells in (header, *rows)]
    storage.write_bytes(
        ("\ufeff" + "\r\n".join([lines[0], "# a remark, with a comma", "", *lines[1:]]) + "\r\n").encode()
    )
    clean = planned(tmp_path / "a", "aws", GOOD)
    changed = planned(tmp_path / "b", "aws", tmp_path / "changed")
    assert rows_of(changed) == rows_of(clean)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    shutil.copytree(GOOD, tmp_path / "inventory")
    (tmp_path / "inventory" / "storage.csv").unlink()
    folder = planned(tmp_path / "a", "aws", tmp_path / "inventory")
    with pytest.raises(TerraformFailed, match=r"storage\.csv: the file is missing"):
        folder.run("plan", "-input=false", "-no-color")


def planned(path: Path, cloud: str, inventory: Path) -> Folder:
    """A root of the inventory module alone."""
    path.mkdir(exist_ok=True)
    shutil.copytree(copied(path) / "modules" / "inventory", path / "module")
    files = {table: str(inventory / f"{table}.csv") for table in TABLES}
    region = re.findall(r'region\s*=\s*"([^"]+)"', (TERRAFORM / cloud / "environments" / "dev.tfvars").read_text())[0]
    (path / "main.tf").write_text(
        f'module "inventory" {{\n  source = "./module"\n  cloud = "{cloud}"\n'
        f'  environment = "dev"\n  region = "{region}"\n'
        f'  files = jsondecode(file("files.json"))\n}}\noutput "rows" {{ value = module.inventory.rows }}\n'
    )
    (path / "files.json").write_text(json.dumps(files))
    return initialised(path)


def rows_of(folder: Folder) -> object:
    folder.run("plan", "-input=false", "-no-color", "-out=test.tfplan")
    return json.loads(folder.run("show", "-json", "test.tfplan"))["planned_values"]["outputs"]["rows"]["value"]


def test_each_rule_is_a_failing_run_of_the_module_s_own_tests(tmp_path: Path) -> None:
    """terraform test, with expect_failures for each rule; the file is generated from the broken inventories."""
    copy = copied(tmp_path)
    target = copy.parent / "tests" / "terraform"
    target.mkdir(parents=True)
    shutil.copytree(BAD, target / "bad")
    output = initialised(copy / "modules" / "inventory").run("test", "-no-color")
    assert f"Success! {len(CASES) + 1} passed, 0 failed." in output
