"""The vector store's own scripts with a real Postgres: a backup comes back whole, and nothing is ever overwritten."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from charts.rendering import Refused, named, needs_helm, render
from conftest import free_port
from standalone.postgres import DataFolder, binary, new_password, running, server_url
from vector_store.preparation import prepare

FILES = Path(__file__).parents[2] / "charts" / "vector-store" / "files"
ROLES = {
    "url": ("fairlead_app", "fairlead"),
    "owner-url": ("fairlead_owner", "fairlead"),
    "mlflow-url": ("mlflow", "mlflow"),
}


@dataclass
class Installation:
    """One server with the Secret, the claim for files, and the claim for backups that all installations share."""

    data: DataFolder
    folder: Path
    backups: Path

    @property
    def files(self) -> Path:
        return self.folder / "claims" / "files"

    def superuser(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.data.url(database), autocommit=True)

    def run(self, script: str, **told: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {
            "PATH": f"{binary('psql').parent}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.data.port),
            "PGUSER": "postgres",
            "DATABASE_SECRET": str(self.folder / "secret"),
            "BACKUP_FOLDER": str(self.backups),
            "CLAIMS_FOLDER": str(self.folder / "claims"),
            "BACKUP_KEEP": "7",
            "BACKUP_FROM": "",
            **told,
        }
        command = ["sh", "-c", (FILES / script).read_text()]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def installations(tmp_path: Path) -> Iterator[tuple[Installation, Installation]]:
    """One that was, and the empty one that takes its place."""
    with ExitStack() as stack:
        made: list[Installation] = []
        for name in ("before", "after"):
            folder = tmp_path / name
            for part in ("secret", "claims/files"):
                (folder / part).mkdir(parents=True)
            data = DataFolder(folder / "data", free_port(), new_password(), {"fsync": "off"})
            data.initialise(durable=False)
            stack.enter_context(running(data, folder / "postgres.log"))
            for key, (role, database) in ROLES.items():
                (folder / "secret" / key).write_text(server_url(data.port, database, role, new_password()))
            (folder / "secret" / "superuser-password").write_text(data.password)
            assert prepare(folder / "secret", "postgres", 5) == ["fairlead", "mlflow"]
            made.append(Installation(data, folder, tmp_path / "backups"))
        (tmp_path / "backups").mkdir()
        before, after = made
        yield before, after


def fill(installation: Installation) -> None:
    """Rows that only their tenant sees, a vector, one of MLflow's tables, and a file."""
    with psycopg.connect((installation.folder / "secret" / "owner-url").read_text(), autocommit=True) as owner:
        owner.execute("CREATE TABLE documents (tenant text, embedding vector(2))")
        owner.execute("INSERT INTO documents VALUES ('a', '[1,2]'), ('b', '[3,4]')")
        owner.execute("ALTER TABLE documents ENABLE ROW LEVEL SECURITY; ALTER TABLE documents FORCE ROW LEVEL SECURITY")
        owner.execute("CREATE POLICY own ON documents USING (tenant = current_setting('fairlead.tenant'))")
        owner.execute("GRANT SELECT ON documents TO fairlead_app")
    with psycopg.connect((installation.folder / "secret" / "mlflow-url").read_text(), autocommit=True) as mlflow:
        mlflow.execute("CREATE TABLE spans AS SELECT 7 AS number")
    (installation.files / "ab").mkdir()
    (installation.files / "ab" / "file 1").write_bytes(b"the bytes")


def test_a_backup_comes_back_whole(installations: tuple[Installation, Installation]) -> None:
    before, after = installations
    fill(before)
    done = before.run("backup.sh")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in before.backups.iterdir()] == [done.stdout.split(": ")[0]]

    for said in ("restored from", "before"):  # the second time there is nothing to do
        done = after.run("restore.sh", BACKUP_FROM="latest")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(said) >= 2
    with psycopg.connect((after.folder / "secret" / "url").read_text()) as app:
        app.execute("SELECT set_config('fairlead.tenant', 'b', false)")
        assert app.execute("SELECT tenant, embedding::text FROM documents").fetchall() == [("b", "[3,4]")]
    with psycopg.connect((after.folder / "secret" / "mlflow-url").read_text()) as mlflow:
        assert mlflow.execute("SELECT number FROM spans").fetchone() == (7,)
    assert (after.files / "ab" / "file 1").read_bytes() == b"the bytes"


def test_nothing_is_overwritten_and_damage_is_seen(installations: tuple[Installation, Installation]) -> None:
    before, after = installations
    done = after.run("restore.sh", BACKUP_FROM="latest")
    assert (done.returncode, "There is no complete backup at all" in done.stderr) == (1, True)

    fill(before)
    assert before.run("backup.sh").returncode == 0
    done = before.run("restore.sh", BACKUP_FROM="latest")
    assert (done.returncode, "The database fairlead is not empty" in done.stderr) == (1, True)
    done = after.run("restore.sh", BACKUP_FROM="2020")
    assert (done.returncode, "There is no complete backup 2020" in done.stderr) == (1, True)

    (backup,) = before.backups.iterdir()
    with (backup / "mlflow.dump").open("ab") as dump:
        dump.write(b"x")
    done = after.run("restore.sh", BACKUP_FROM=backup.name)
    assert done.returncode == 1
    assert "mlflow.dump" in done.stdout + done.stderr
    with after.superuser("fairlead") as connection:
        assert connection.execute("SELECT to_regclass('documents')").fetchone() == (None,)


def test_so_many_are_kept_and_a_broken_one_is_none(installations: tuple[Installation, Installation]) -> None:
    before, _ = installations
    for year in ("2020", "2021", "2022"):
        (before.backups / f"{year}-01-01T00-00-00Z").mkdir()
    (before.backups / ".unfinished").mkdir()
    (before.backups / ".unfinished" / "left-behind").touch()
    assert before.run("backup.sh", BACKUP_KEEP="2").returncode == 0
    left = sorted(path.name for path in before.backups.iterdir())
    assert left[0] == "2022-01-01T00-00-00Z"
    assert len(left) == 2
    assert not (before.backups / left[1] / "left-behind").exists()

    shutil.rmtree(before.backups / left[0])
    before.run("backup.sh", PGPORT=str(free_port()))
    assert sorted(path.name for path in before.backups.iterdir()) == [".unfinished", left[1]]


@needs_helm
@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"mode": "external", "backup": {"enabled": True}}, "backups are made by whoever looks after that server"),
        ({"mode": "external", "restore": {"from": "x"}}, "restore.from with mode external"),
        ({"mode": "cluster", "backup": {"enabled": True}}, "need backup.destination"),
        ({"mode": "cluster", "cluster": {"instances": 1}}, "cluster.synchronous.number (1) must be less than"),
        ({"restore": {"from": "latest", "until": "2026-01-01T00:00:00Z"}}, "restore.until needs mode cluster"),
        ({"mode": "several"}, "mode"),
        ({"storage": {"size": "plenty"}}, "size"),
    ],
)
def test_values_that_fit_no_mode_are_refused(values: dict[str, object], wanted: str) -> None:
    with pytest.raises(Refused) as refused:
        render("vector-store", values=values)
    assert wanted in str(refused.value)


@needs_helm
def test_data_outlives_its_release() -> None:
    """Neither Helm nor Argo CD may take what holds data with it."""
    for values in ({"backup": {"enabled": True}}, {"mode": "cluster"}):
        found = render("vector-store", values=values).of("PersistentVolumeClaim", "Cluster")
        assert found
        for each in found:
            notes = each["metadata"]["annotations"]
            assert notes["helm.sh/resource-policy"] == "keep", named(each)
            assert notes["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false", named(each)


@needs_helm
def test_the_cluster_s_pods_carry_the_labels_by_which_policies_find_them() -> None:
    found = render("vector-store", values={"mode": "cluster", "cluster": {"pooler": {"enabled": True}}})
    (cluster,), (pooler,), (policy,) = (
        found.of("Cluster"),
        found.of("Pooler"),
        [each for each in found.of("NetworkPolicy") if each["metadata"]["name"] == "vector-store"],
    )
    wanted = policy["spec"]["podSelector"]["matchLabels"]
    assert wanted.items() <= cluster["spec"]["inheritedMetadata"]["labels"].items()
    assert wanted.items() <= pooler["spec"]["template"]["metadata"]["labels"].items()


@needs_helm
@pytest.mark.parametrize(
    ("destination", "secret", "wanted"),
    [
        ("s3://b/p", "", {"destinationPath": "s3://b/p", "s3Credentials": {"inheritFromIAMRole": True}}),
        ("gs://b", "", {"destinationPath": "gs://b", "googleCredentials": {"gkeEnvironment": True}}),
        (
            "az://account/container/p",
            "",
            {
                "destinationPath": "https://account.blob.core.windows.net/container/p",
                "azureCredentials": {"inheritFromAzureAD": True},
            },
        ),
        (
            "s3://b",
            "x",
            {
                "destinationPath": "s3://b",
                "s3Credentials": {
                    "accessKeyId": {"name": "x", "key": "access-key-id"},
                    "secretAccessKey": {"name": "x", "key": "secret-access-key"},
                },
            },
        ),
    ],
)
def test_backups_of_the_cluster_go_to_any_cloud(destination: str, secret: str, wanted: dict[str, object]) -> None:
    backup = {"enabled": True, "destination": destination, "credentials": {"secret": secret}}
    (cluster,) = render("vector-store", values={"mode": "cluster", "backup": backup}).of("Cluster")
    found = cluster["spec"]["backup"]["barmanObjectStore"]
    assert wanted.items() <= found.items()
