#!/usr/bin/env bash
# One root, one environment. usage: terraform/run.sh plan|apply|drift|output|destroy aws|azure|gcp|kind dev|test|prod
# STATE names where the state is: the bucket, or Azure's storage account (AZURE_STATE_GROUP its resource group). TERRAFORM=tofu
# takes OpenTofu. plan writes <environment>.tfplan, which apply carries out, and <environment>.plan.txt, which people read;
# PLAN_COMMENT=number also writes it under that pull request.
set -euo pipefail
cd "$(dirname "$0")"
fail() { echo "terraform/run.sh: $*" >&2; exit 2; }

action=${1:-} cloud=${2:-} environment=${3:-}
[[ $action =~ ^(plan|apply|drift|output|destroy)$ ]] || fail "say plan, apply, drift, output or destroy"
[[ -f $cloud/main.tf ]] || fail "CLOUD=$cloud: say aws, azure, gcp or kind"
[[ -f $cloud/environments/$environment.tfvars ]] || fail "ENV=$environment: there is no terraform/$cloud/environments/$environment.tfvars"
tool=${TERRAFORM:-$(command -v terraform || command -v tofu || true)}
[[ -n $tool ]] || fail "install Terraform or OpenTofu, 1.11 or newer"
if [[ -n ${ACTIONS_ID_TOKEN_REQUEST_URL:-} ]]; then
  source ./signin.sh
  signin "$cloud"
fi
cd "$cloud"

# Each environment has a folder of its own, so that none is planned with another's state.
export TF_DATA_DIR=.terraform/$environment TF_IN_AUTOMATION=1
backend=(-backend-config="environments/$environment.backend.hcl")
case $cloud in
  aws | gcp) backend+=(-backend-config="bucket=${STATE:?STATE: name the bucket that the state is in}") ;;
  azure) backend+=(-backend-config="storage_account_name=${STATE:?STATE: name the storage account that the state is in}"
    -backend-config="resource_group_name=${AZURE_STATE_GROUP:?AZURE_STATE_GROUP: name the resource group of that storage account}") ;;
esac
values=(-var-file="environments/$environment.tfvars")
[[ -z ${ACCOUNT:-} ]] || values+=(-var="account=$ACCOUNT")
common=(-input=false -lock-timeout=5m)
[[ -t 1 ]] || export TF_CLI_ARGS=-no-color

"$tool" init -input=false "${backend[@]}" >/dev/null
case $action in
  plan)
    "$tool" plan "${common[@]}" "${values[@]}" -out="$environment.tfplan"
    "$tool" show -no-color "$environment.tfplan" >"$environment.plan.txt"
    if [[ -n ${PLAN_COMMENT:-} ]]; then
      # GitHub takes 65536 characters; the job's log has the rest.
      printf '### Terraform: %s/%s\n\n```\n%s\n```\n' "$cloud" "$environment" "$(head -c 60000 "$environment.plan.txt")" |
        gh pr comment "$PLAN_COMMENT" --body-file -
    fi
    ;;
  apply)
    [[ -f $environment.tfplan ]] || fail "there is no plan: make tf-plan CLOUD=$cloud ENV=$environment, read it, then apply it"
    "$tool" apply "${common[@]}" "$environment.tfplan"
    rm -f "$environment.tfplan"
    ;;
  drift)
    code=0
    "$tool" plan "${common[@]}" "${values[@]}" -detailed-exitcode || code=$?
    ((code != 2)) || fail "$cloud/$environment is not what Git says: the plan above would put it right"
    exit "$code"
    ;;
  output) "$tool" output ${NAME:+"$NAME"} ;;
  destroy)
    [[ ${CONFIRM:-} == "$cloud/$environment" ]] || fail "this destroys every cluster, database and bucket of $cloud/$environment; if that is meant: CONFIRM=$cloud/$environment"
    ../release-cluster.sh "$environment" "$("$tool" output -json kubeconfig)"
    "$tool" destroy "${common[@]}" "${values[@]}" -auto-approve
    ;;
esac
