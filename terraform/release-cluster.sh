#!/usr/bin/env bash
# Before a destroy: takes the platform out of its clusters, so that what Kubernetes itself made in the cloud (load balancers,
# disks, DNS records) goes while something is there that can remove it. Terraform does not know of those, and a network that
# has them cannot be destroyed. usage: release-cluster.sh ENVIRONMENT KUBECONFIG_COMMANDS_AS_JSON
# CLUSTER_GONE=yes passes over it: the cluster cannot be reached any more, and you look for such leftovers yourself.
set -euo pipefail
environment=$1 commands=$2

if [[ $commands == "{}" || ${CLUSTER_GONE:-} == yes ]]; then
  exit 0
fi
echo "$commands" | python3 -c 'import json, sys; [print(line) for line in json.load(sys.stdin).values()]' | while IFS= read -r command; do
  echo "+ $command"
  bash -c "$command" </dev/null
  if ! kubectl get namespace kube-system --request-timeout=20s >/dev/null </dev/null; then
    echo "release-cluster.sh: the cluster does not answer; run this from inside its network, or say CLUSTER_GONE=yes" >&2
    exit 2
  fi
  # First what would make things anew: the root, then the sets. Their applications stay in nobody's hands.
  kubectl delete application fairlead-root -n argocd --ignore-not-found --wait </dev/null
  kubectl delete applicationset --all -n argocd --ignore-not-found --wait </dev/null
  # Then what costs money outside the cluster: services with load balancers, claims with disks.
  kubectl get services -A -o json </dev/null | python3 -c '
import json, sys
for item in json.load(sys.stdin)["items"]:
    if item["spec"].get("type") == "LoadBalancer":
        print(item["metadata"]["namespace"], item["metadata"]["name"])' | while read -r namespace name; do
    kubectl delete service -n "$namespace" "$name" --wait </dev/null
  done
  kubectl delete namespace "fairlead-$environment" --ignore-not-found --wait --timeout=15m </dev/null
  kubectl wait --for=delete persistentvolume --all --timeout=10m </dev/null || true
done
