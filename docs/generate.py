"""Writes what is generated from the code: `make generate`; with `--check` it fails where a file is not up to date."""

import sys
from collections.abc import Callable
from pathlib import Path

from generators import (
    admission,
    alerts,
    attributes,
    burn_alerts,
    chart_schemas,
    chart_values,
    configuration,
    dashboards,
    footprint,
    metrics,
    recording_rules,
    redaction,
    terraform,
)

ROOT = Path(__file__).parents[1]
GENERATED: dict[str, Callable[[], str]] = {
    "docs/attributes.md": attributes.text,
    "docs/configuration.md": configuration.text,
    "charts/orchestrator/alerts/recording.yaml": recording_rules.text,
    "charts/trace-collector/config/redaction.yaml": redaction.text,
    "docs/dashboards.md": dashboards.text,
    "docs/metrics.md": metrics.text,
    "docs/terraform-reference.md": terraform.text,
    "terraform/modules/inventory/tests/rules.tftest.hcl": terraform.rules_test,
    **dashboards.files(),
    **burn_alerts.files(),
    **chart_schemas.files(),
    **admission.files(),
    "docs/charts.md": chart_values.text,
    "docs/footprint.md": footprint.text,
    # After the rules that it lists.
    "docs/alerts.md": alerts.text,
}


def main() -> int:
    """Write every file, or say which differ."""
    different = 0
    for name, text in GENERATED.items():
        file, wanted = ROOT / name, text()
        if (file.read_text(encoding="utf-8") if file.exists() else "") == wanted:
            continue
        different += 1
        if "--check" in sys.argv:
            sys.stderr.write(f"{name} is not what the code says: run `make generate` and commit it\n")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted, encoding="utf-8")
            sys.stdout.write(f"{name} written\n")
    return int(different > 0 and "--check" in sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
