"""The AWS root applied for real, to an emulator on loopback, and read back: the inventory, and at the end nothing."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from terraform.runs import Folder, copied, initialised

boto3 = pytest.importorskip("boto3", reason="the dependency group terraform is not installed: make tf-test brings it")
pytest.importorskip("moto", reason="the dependency group terraform is not installed: make tf-test brings it")

HERE = Path(__file__).parent
ACCOUNT = "123456789012"
REGION = "eu-central-1"
OF_DEV = ("-var-file=environments/dev.tfvars", f"-var=account={ACCOUNT}")
# moto's first start on a busy machine.
LONGEST_START_S = 90


@dataclass(frozen=True)
class Aws:
    """The applied root, and the emulator that it was applied to."""

    root: Folder
    endpoint: str

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def rows(self, table: str) -> dict[str, dict[str, str]]:
        with (self.root.path / "inventory" / f"{table}.csv").open() as file:
            return {row["name"]: row for row in csv.DictReader(file) if row["environment"] == "dev"}

    def plan(self) -> dict[str, str]:
        return self.root.changes(*OF_DEV)

    def apply(self) -> None:
        self.root.run("apply", "-auto-approve", "-input=false", "-no-color", *OF_DEV)

    def edit(self, table: str, old: str, new: str) -> None:
        file = self.root.path / "inventory" / f"{table}.csv"
        text = file.read_text()
        assert text.count(old) == 1, f"{old} is in {table}.csv {text.count(old)} times"
        file.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    folder = tmp_path_factory.mktemp("aws")
    copy = copied(folder)
    shutil.copy(HERE / "emulator" / "aws.tf", copy / "aws" / "emulator_override.tf")
    for module in ("cluster", "database"):
        shutil.copy(HERE / "emulator" / f"{module}.tf", copy / "modules" / "aws" / module / "emulator_override.tf")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    root = initialised(
        copy / "aws",
        backend=True,
        AWS_ENDPOINT_URL=endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_EC2_METADATA_DISABLED="true",
    )
    with (folder / "emulator.log").open("w") as log:
        command = [sys.executable, str(HERE / "aws_emulator.py"), str(port)]
        emulator = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=dict(os.environ))
        try:
            wait_for(endpoint, emulator)
            found = Aws(root, endpoint)
            found.apply()
            yield found
        finally:
            emulator.terminate()
            emulator.wait(10)


def wait_for(endpoint: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LONGEST_START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/data.json", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the emulator did not start")


def test_a_second_plan_is_empty(aws: Aws) -> None:
    assert aws.plan() == {}


def test_clusters_are_as_their_rows_say(aws: Aws) -> None:
    for name, row in aws.rows("clusters").items():
        cluster = aws.client("eks").describe_cluster(name=f"fairlead-{name}")["cluster"]
        assert cluster["version"] == row["kubernetes_version"]
        assert cluster["resourcesVpcConfig"]["endpointPublicAccess"] is (row["public"] == "true")
        assert cluster["resourcesVpcConfig"]["endpointPrivateAccess"] is True
        pools = aws.client("eks").list_nodegroups(clusterName=f"fairlead-{name}")["nodegroups"]
        assert sorted(pools) == ["general", "system"]
        subnets = aws.client("ec2").describe_subnets(SubnetIds=cluster["resourcesVpcConfig"]["subnetIds"])["Subnets"]
        assert {subnet["MapPublicIpOnLaunch"] for subnet in subnets} == {False}
        networks = aws.client("ec2").describe_vpcs(VpcIds=[subnets[0]["VpcId"]])["Vpcs"]
        assert [network["CidrBlock"] for network in networks] == [row["cidr"]]
        zones = aws.client("route53").list_hosted_zones()["HostedZones"]
        assert [zone["Name"] for zone in zones] == [f"{row['domain']}."]
        budget = aws.client("budgets").describe_budget(AccountId=ACCOUNT, BudgetName=f"fairlead-{name}")["Budget"]
        assert float(budget["BudgetLimit"]["Amount"]) == float(row["monthly_budget"])


def test_firewall_rules_are_the_rows_and_no_others(aws: Aws) -> None:
    found = {}
    for rule in aws.client("ec2").describe_security_group_rules()["SecurityGroupRules"]:
        tags = {tag["Key"]: tag["Value"] for tag in rule.get("Tags", [])}
        if tags.get("Name") in aws.rows("firewall_rules"):
            direction = "egress" if rule["IsEgress"] else "ingress"
            found[tags["Name"]] = (
                direction,
                rule["IpProtocol"],
                str(rule["FromPort"]),
                rule["CidrIpv4"],
                rule["Description"],
            )
        elif not rule["IsEgress"]:
            assert rule.get("CidrIpv4") != "0.0.0.0/0"
    assert found == {
        name: (row["direction"], row["protocol"], row["ports"], row["cidr"], row["description"])
        for name, row in aws.rows("firewall_rules").items()
    }


def test_databases_are_as_their_rows_say(aws: Aws) -> None:
    found = {
        database["DBInstanceIdentifier"].removeprefix("fairlead-"): (
            database["EngineVersion"],
            str(database["AllocatedStorage"]),
            database["MultiAZ"],
            str(database["BackupRetentionPeriod"]),
            database["PubliclyAccessible"],
            database["StorageEncrypted"],
        )
        for database in aws.client("rds").describe_db_instances()["DBInstances"]
    }
    assert found == {
        name: (row["version"], row["storage_gb"], row["high_availability"] == "true", row["backup_days"], False, True)
        for name, row in aws.rows("databases").items()
    }


def test_buckets_are_as_their_rows_say(aws: Aws) -> None:
    s3 = aws.client("s3")
    wanted = aws.rows("storage")
    assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} == {
        f"fairlead-{name}-{ACCOUNT}" for name in wanted
    }
    for name, row in wanted.items():
        bucket = f"fairlead-{name}-{ACCOUNT}"
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == (
            "Enabled" if row["versioning"] == "true" else "Suspended"
        )
        [rule] = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == int(row["retention_days"])
        assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
        assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"]


def test_models_may_be_asked_in_their_regions(aws: Aws) -> None:
    iam = aws.client("iam")
    for name, row in aws.rows("model_deployments").items():
        arn = f"arn:aws:iam::{ACCOUNT}:policy/fairlead-{name}-invoke"
        document = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
        assert (
            document["Statement"][0]["Resource"] == f"arn:aws:bedrock:{row['region']}::foundation-model/{row['model']}"
        )


def test_identities_have_their_grants_and_no_others(aws: Aws) -> None:
    iam = aws.client("iam")
    models = {f"fairlead-{name}-invoke" for name in aws.rows("model_deployments")}
    for name, row in aws.rows("identities").items():
        role = iam.get_role(RoleName=f"fairlead-{name}")["Role"]
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        subjects = [value for key, value in statement["Condition"]["StringEquals"].items() if key.endswith(":sub")]
        assert subjects == [f"system:serviceaccount:{row['namespace']}:{row['service_account']}"]
        attached = {
            item["PolicyName"]
            for item in iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]
        }
        inline = set(iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"])
        grants = row["access"].split()
        assert attached == (models if "models:invoke" in grants else set()) | (
            {"fairlead-dev-vault-read"} if "vault:read" in grants else set()
        )
        assert inline == {f"storage-{grant.split(':')[1]}" for grant in grants if grant.startswith("storage:")} | (
            {"dns"} if "dns:write" in grants else set()
        )


def test_everything_that_can_carry_tags_carries_the_rows(aws: Aws) -> None:
    state = json.loads(aws.root.run("show", "-json"))
    missing = []
    for resource in resources(state["values"]["root_module"]):
        tags = resource["values"].get("tags_all")
        if (
            resource["mode"] == "managed"
            and tags is not None
            and not {"owner", "cost_center", "environment"} <= set(tags)
        ):
            missing.append(resource["address"])
    # A budget counts what has the tags and has none of its own.
    assert missing == ['module.logs["dev-main"].aws_budgets_budget.this']


def test_passwords_are_in_the_vault_and_nowhere_else(aws: Aws) -> None:
    vault = aws.client("secretsmanager")
    secret = json.loads(vault.get_secret_value(SecretId="fairlead-dev/dev-store-database")["SecretString"])
    wanted = {"url", "owner-url", "mlflow-url", "superuser-url"}
    assert wanted | {f"{user}-password" for user in ("superuser", "owner", "app", "mlflow")} == set(secret)
    assert secret["app-password"] in secret["url"]
    assert len({secret[key] for key in secret if key.endswith("-password")}) == 4
    kept = (aws.root.path / "terraform.tfstate").read_text() + aws.root.run("show", "-json", "test.tfplan")
    assert [key for key, value in secret.items() if value in kept] == []


def test_one_changed_row_changes_exactly_that(aws: Aws) -> None:
    aws.edit("databases", "dev-store,dev,dev-main,17,small,32,false,7,", "dev-store,dev,dev-main,17,small,32,false,14,")
    assert aws.plan() == {'module.database["dev-store"].aws_db_instance.this': "update"}
    aws.apply()
    assert aws.plan() == {}
    test_databases_are_as_their_rows_say(aws)


def test_a_row_more_of_each_kind_needs_no_code(aws: Aws) -> None:
    kept = {file: file.read_text() for file in (aws.root.path / "inventory").iterdir()}
    owner = "team-search@fairlead.example,cc-2001"
    rows = {
        "clusters": f"dev-second,dev,{REGION},10.77.0.0/16,small,1.34,false,false,second.fairlead.example,500,{owner}",
        "model_deployments": f"dev-rerank,dev,us-east-1,cohere.rerank-v3-5:0,1,50,0,false,{owner}",
        "databases": f"dev-second,dev,dev-second,18,medium,64,true,14,false,{owner}",
        "storage": f"dev-logs,dev,{REGION},logs,30,false,false,{owner}",
        "firewall_rules": f"dev-probe,dev,dev-main,ingress,tcp,3000-3010,198.51.100.7/32,200,The office probe,{owner}",
        "identities": f"dev-second,dev,dev-second,ingestion,fairlead-dev,ingestion,storage:dev-logs:read,{owner}",
    }
    try:
        for table, row in rows.items():
            file = aws.root.path / "inventory" / f"{table}.csv"
            file.write_text(file.read_text() + row + "\n")
        changes = aws.plan()
    finally:
        for file, text in kept.items():
            file.write_text(text)
    assert set(changes.values()) == {"create"}
    modules = {address.rpartition("].")[0] + "]" for address in changes if address.startswith("module.")}
    for kind, name in (
        ("cluster", "dev-second"),
        ("network", "dev-second"),
        ("models", "dev-rerank"),
        ("database", "dev-second"),
        ("storage", "dev-logs"),
        ("identity", "dev-second"),
    ):
        assert any(f'module.{kind}["{name}"]' in module for module in modules), (kind, name)
    assert 'module.network["dev-main"].aws_vpc_security_group_ingress_rule.inventory["dev-probe"]' in changes
    assert aws.plan() == {}


def test_the_bridge_says_what_the_cluster_must_know(aws: Aws) -> None:
    secret = json.loads(aws.root.run("output", "-json", "cluster_secrets"))["dev-main"]
    assert secret["metadata"]["labels"]["fairlead.dev/environment"] == "dev"
    facts = {key.removeprefix("fairlead.dev/"): value for key, value in secret["metadata"]["annotations"].items()}
    assert facts["files-url"] == f"s3://fairlead-dev-files-{ACCOUNT}"
    assert facts["identity-ingestion"] == f"arn:aws:iam::{ACCOUNT}:role/fairlead-dev-ingestion"
    assert facts["registry"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/fairlead"
    assert [key for key, value in facts.items() if not value] == ["search-url"]


def test_z_destroy_leaves_nothing(aws: Aws) -> None:
    aws.root.run("destroy", "-auto-approve", "-input=false", "-no-color", *OF_DEV)
    assert json.loads(aws.root.run("show", "-json")).get("values") is None
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.client("rds").describe_db_instances()["DBInstances"] == []
    assert aws.client("eks").list_clusters()["clusters"] == []
    assert aws.client("iam").list_roles()["Roles"] == []
    assert aws.client("iam").list_policies(Scope="Local")["Policies"] == []
    assert aws.client("secretsmanager").list_secrets()["SecretList"] == []
    assert aws.client("ecr").describe_repositories()["repositories"] == []
    assert aws.client("route53").list_hosted_zones()["HostedZones"] == []
    assert [vpc for vpc in aws.client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []


def resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from resources(child)
