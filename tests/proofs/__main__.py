"""`make e2e`: bring up the cluster, hold the proofs, keep the evidence, write docs/proofs.md."""

import argparse
import secrets
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from delivery import image_set
from delivery.cluster import git_server, kind
from delivery.cluster.kind import Kit
from delivery.cluster.kubernetes import Cluster
from delivery.cluster.up import Wish, api, up
from delivery.commands import DeliveryError
from delivery.repository import Repository
from proofs import (
    backup,
    bad_release,
    canary,
    credentials,
    deploy,
    entry,
    evidence,
    external,
    network,
    pods,
    promotion,
    replicas,
    retune,
    scale,
    self_heal,
    upgrade,
)
from proofs.stage import Stage, install_model, model_answers, put_model_behind_the_pool

ROOT = Path(__file__).parents[2]
# What a proof needs in the cluster beside what every one needs.
ALWAYS = ["external-secrets"]
OPERATORS = {
    "canary": ["kube-prometheus-stack", "argo-rollouts"],
    "entry": ["traefik"],
    "promotion": ["cloudnative-pg"],
    "scale": ["kube-prometheus-stack", "metrics-server", "keda"],
}
PROOFS: dict[str, list[Callable[[Stage], None]]] = {
    "retune": [retune.by_git, retune.by_kubectl, retune.invalid],
    "deploy": [deploy.prompt, deploy.image],
    "network": [network.matrix],
    "secrets": [credentials.rotation, credentials.store_down],
    "heal": [self_heal.edit_by_hand, self_heal.deleted_chart],
    "bad": [bad_release.missing_image, bad_release.failing_migration, bad_release.crashing_pod],
    "pods": [pods.eviction, pods.killed_for_memory, pods.dependency_down, pods.saturation, pods.drained_node],
    "scale": [scale.by_cpu, scale.by_answers_in_flight],
    "canary": [canary.worse_canary],
    "entry": [entry.by_host_names],
    "backup": [backup.retention, backup.loss_and_restore],
    "upgrade": [upgrade.there_and_back],
    "external": [external.managed],
    "promotion": [promotion.to_test, replicas.failover],
}
# What tells within minutes whether the whole still works: a retune, a refusal, a deployment and its rollback.
SHORT = [*PROOFS["retune"], deploy.prompt]


def main() -> int:
    """The number of proofs that broke."""
    parser = argparse.ArgumentParser(prog="proofs", description=__doc__)
    parser.add_argument("proofs", nargs="*", help=f"all when none is named; {', '.join(PROOFS)}, or `short`")
    parser.add_argument("--workers", type=int, default=2, help="nodes beside the control plane")
    parser.add_argument("--name", default="fairlead-e2e", help="name of the kind cluster")
    parser.add_argument("--port", type=int, default=8089, help="where its API is on this machine")
    parser.add_argument("--as-is", action="store_true", help="on the cluster as it is, without this checkout's changes")
    parser.add_argument("--no-record", action="store_true", help="leave docs/proofs.md as it is")
    parser.add_argument("--keep", action="store_true", help="leave the cluster there though everything held")
    arguments = parser.parse_args()
    names = [name for named in arguments.proofs for name in named.split(",")] or list(PROOFS)
    if unknown := set(names) - {*PROOFS, "short"}:
        parser.error(f"there is no proof {', '.join(sorted(unknown))}; there are {', '.join(PROOFS)}")
    repository, cluster = Repository.around(ROOT), Cluster(arguments.name)
    folder = ROOT / ".fairlead" / arguments.name
    operators = [*ALWAYS, *sorted({each for name in names for each in OPERATORS.get(name, [])})]
    wish = Wish(cluster, "dev", operators, arguments.workers, arguments.port, folder)
    try:
        stage = _stage(repository, wish, as_is=arguments.as_is)
    except DeliveryError as error:
        print(f"the cluster cannot be made: {error}", file=sys.stderr)
        return 1
    broken = 0
    nodes, commit = len(cluster.get("nodes")["items"]), stage.images.tag
    for name in names:
        broken = _hold(stage, name)
        # After each: what was seen is not lost where a later one is ended.
        if not arguments.no_record:
            evidence.write(ROOT / "docs/proofs.md", stage.figures, name, commit, nodes)
    if not (arguments.keep or broken):
        kind.delete(cluster)
    return broken


def _stage(repository: Repository, wish: Wish, *, as_is: bool) -> Stage:
    if not as_is:
        up(repository, wish, Kit.from_environment())
    client = api(wish)
    with git_server.checkout(wish.cluster) as clone:
        images = image_set.read(clone, wish.environment)
    store = client.store_of(ROOT / "samples")
    stage = Stage(repository, wish.cluster, client, store, images, wish.state, wish.operators)
    key = secrets.token_urlsafe(24)
    stage.rotate("fairlead-model-keys", {"proof": key})
    install_model(stage, images.name("orchestrator"), {"proof": key})
    stage.settled(stage.merge("Ask the model of the proofs", lambda clone: put_model_behind_the_pool(stage, clone)))
    stage.until("answers by the model of the proofs", lambda: model_answers(stage, key), 240)
    return stage


def _hold(stage: Stage, name: str) -> int:
    """Hold the proofs of this name; how many figures were broken so far."""
    print(name, flush=True)
    for proof in SHORT if name == "short" else PROOFS[name]:
        before = stage.head()
        try:
            proof(stage)
        except Exception as error:  # noqa: BLE001 - one broken proof does not spare the others
            traceback.print_exc()
            stage.note(name, proof.__name__, f"broke off: {str(error)[:200]}", False)
            # The next one is not to begin in what this one left.
            stage.back_to(before)
        if stage.figures and not stage.figures[-1].held:
            evidence.save(stage, ROOT / "build/e2e" / f"{name}-{proof.__name__}")
    return sum(not figure.held for figure in stage.figures)


if __name__ == "__main__":
    sys.exit(main())
