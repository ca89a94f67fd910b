"""A managed database: a server that the charts did not make, prepared by its administrator as docs/install.md says."""

import re
import time
from pathlib import Path

from delivery.cluster import guest, local_values, vault
from delivery.cluster.up import api_of_guest
from delivery.cluster.workload import restricted, served
from proofs import beside
from proofs.stage import Stage

NAME = "Managed database"
NAMESPACE, SERVER, PORT = "managed", "postgres", 5432
SPEAKERS = ("orchestrator", "ingestion", "llm-proxy", "vector-store", "trace-collector")


def managed(stage: Stage) -> None:
    """Mode `external`, in test beside dev; test goes afterwards."""
    cluster, before = stage.cluster, stage.head()
    address = _install(stage)
    with stage.traffic(streams=1) as traffic:
        began = time.monotonic()

        def change(clone: Path) -> None:
            for chart in SPEAKERS:
                local_values.lay_over(clone, beside.TARGET, chart, {"database": {"cidrs": [f"{address}/32"]}})
            local_values.lay_over(clone, beside.TARGET, "vector-store", {"mode": "external"})

        commit = beside.prepare(stage, stage.images, f"{SERVER}.{NAMESPACE}.svc", change)
        _administer(stage)
        beside.deploy(stage, commit)
        with api_of_guest(cluster, beside.TARGET) as client:
            answer = client.ask("Which knot makes a fixed loop?", client.store_of(stage.repository.root / "samples"))
        cited = bool(answer["citations"])
        stage.note(NAME, "commit → a cited answer from it", f"{time.monotonic() - began:.0f} s", cited)
    stage.note_traffic(NAME, "traffic at dev meanwhile", traffic)
    said = cluster.kubectl("-n", beside.NAMESPACE, "logs", "job/vector-store-prepare").strip().splitlines()[-1]
    stage.note(NAME, "the Job that looks at the server says", said[:160], True)
    ours = cluster.get("statefulsets", "-n", beside.NAMESPACE)["items"]
    databases = [each["metadata"]["name"] for each in ours if "vector-store" in each["metadata"]["name"]]
    stage.note(NAME, "databases of our own beside it", str(len(databases)), not databases)
    guest.remove(cluster, beside.TARGET)
    # Git too: what comes later is to find test as it was.
    stage.settled(stage.back_to(before))
    cluster.kubectl("delete", "namespace", NAMESPACE)
    stage.note(NAME, "test taken away: a question in dev", stage.unanswered() or "cited", not stage.unanswered())


def _install(stage: Stage) -> str:
    """Start a server that is nobody's chart; the address of its pod."""
    cluster = stage.cluster
    cluster.namespace(NAMESPACE)
    cluster.secret(NAMESPACE, SERVER, {"password": vault.fresh()})
    pod = restricted(
        SERVER,
        stage.pods("vector-store")[0]["spec"]["containers"][0]["image"],
        {
            "/var/lib/postgresql/data": {"emptyDir": {}},
            "/tmp": {"emptyDir": {}},
            "/secret": {"secret": {"secretName": SERVER}},
        },
        env=[{"name": "POSTGRES_PASSWORD_FILE", "value": "/secret/password"}],
        readinessProbe={"tcpSocket": {"port": PORT}, "periodSeconds": 2},
        resources={"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
    )
    cluster.apply(*served(NAMESPACE, SERVER, pod, PORT))
    cluster.rolled_out(NAMESPACE, f"deployment/{SERVER}")
    return _pod(stage)["status"]["podIP"]


def _administer(stage: Stage) -> None:
    """Run the guide's statements as the server's administrator, with the passwords that the vault has for test."""
    guide = (stage.repository.root / "docs/install.md").read_text(encoding="utf-8")
    (statements,) = re.findall(r"```sql\n(CREATE ROLE fairlead_owner.*?)```", guide, re.DOTALL)
    for name in ("owner", "app", "mlflow"):
        password = vault.values(stage.cluster, beside.TARGET, f"fairlead-database-{name}")["password"]
        statements = statements.replace("PASSWORD '…'", f"PASSWORD '{password}'", 1)
    command = "PGPASSWORD=$(cat /secret/password) psql -h 127.0.0.1 -U postgres -v ON_ERROR_STOP=1 -f -"
    stage.cluster.fed(statements, "-n", NAMESPACE, "exec", "-i", _name(stage), "--", "sh", "-c", command)


def _pod(stage: Stage) -> dict[str, dict[str, str]]:
    selector = f"app.kubernetes.io/name={SERVER}"
    return stage.cluster.get("pods", "-n", NAMESPACE, "-l", selector)["items"][0]


def _name(stage: Stage) -> str:
    return _pod(stage)["metadata"]["name"]
