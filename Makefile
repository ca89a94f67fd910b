# Everything people and CI do here. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv/bin
NO_PYTHON := Fairlead needs Python 3.11 or newer and there is no $(PYTHON): install one, or name it with `make PYTHON=/path/to/python3`
BOOTSTRAP := command -v $(PYTHON) >/dev/null || { echo '$(NO_PYTHON)' >&2; exit 1; }; $(PYTHON) services/standalone/bootstrap.py
RUN_GROUPS := services standalone $(if $(filter off,$(TRACING)),,tracing)
ALL_GROUPS := services dev standalone tracing evaluation
UV = $(or $(shell command -v uv),.tools/uv/bin/uv)
CHECKOV := 3.3.30
PUBLISH = $(if $(PUSH),--push) $(if $(PULL_REQUEST),--pull-request)

.DEFAULT_GOAL := help
.PHONY: e2e up down images help run stop bootstrap test check format generate check-generated pool-faults bench-retrieval release promote rollback \
  tf-plan tf-apply tf-drift tf-output tf-destroy tf-test tf-test-all tf-scan

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  run takes: DOCS=/folder  TRACING=off  OBSERVE=full  AUTH=keys  MODEL_URL=https://…/v1 MODEL=name MODEL_KEY_FILE=/file WAL_ARCHIVE=/folder"
	@echo "             FAIRLEAD_DATA=/folder  ORCHESTRATOR_PORT=8080 (and LLM_PROXY_, LOCAL_MODELS_, INGESTION_, MLFLOW_, POSTGRES_PORT)"
	@echo "             OBSERVE=full takes FAIRLEAD_TRACES_KEPT_PERCENT=100  PROMETHEUS_PORT=9090  COLLECTOR_PORT=4318 … (docs/observability.md)"
	@echo "  benchmarks:"
	@for file in $(wildcard tests/load/bench_*.py); do \
	  printf '    make %-22s %s\n' "$$(basename $$file .py | tr _ -)" "$$(head -1 $$file | tr -d '\"')"; done

run: ## Run the whole platform on this machine, in the foreground; Ctrl-C stops it
	@$(BOOTSTRAP) $(RUN_GROUPS)
	@exec $(VENV)/python -m standalone

stop: ## Stop the platform that runs in this folder
	@$(VENV)/python -m standalone stop

bootstrap: ## Install everything for development into .venv; with CLUSTER= CLOUD= ENV=, give that cluster to Argo CD
	@$(BOOTSTRAP) $(ALL_GROUPS)
ifneq (,$(and $(CLUSTER),$(filter bootstrap,$(MAKECMDGOALS))))
	@$(VENV)/python -m delivery bootstrap --cluster "$(CLUSTER)" --cloud "$(CLOUD)" --environment "$(ENV)" \
	  --repository "$(REPOSITORY)" --revision "$(REVISION)" --context "$(CONTEXT)"
endif

test: bootstrap ## Run every test
	@$(VENV)/pytest -n auto --dist loadfile

check: bootstrap ## Check style, types and structure
	@$(VENV)/ruff check
	@$(VENV)/ruff format --check --quiet
	@$(VENV)/pyright
	@$(VENV)/pytest -q tests/unit/test_structure.py

format: bootstrap ## Put the code in order
	@$(VENV)/ruff check --fix --quiet
	@$(VENV)/ruff format --quiet

generate: bootstrap ## Write what is generated from the code (docs/generate.py lists it)
	@$(VENV)/python docs/generate.py

check-generated: bootstrap
	@$(VENV)/python docs/generate.py --check

pool-faults: bootstrap ## Run every fault of an endpoint through the pool and write docs/pool-faults.md
	@$(VENV)/python tests/integration/llm_proxy/faults.py

bench-retrieval: bootstrap ## Quality of search on collections in BEIR layout: DATA="folder folder"
	@test -n "$(DATA)" || { echo 'Say which collections: make bench-retrieval DATA="/data/scifact /data/other"'; exit 2; }
	@$(VENV)/python -m evaluation retrieval $(foreach folder,$(DATA),--data "$(folder)") $(ARGS)

images: bootstrap ## Build every image: REGISTRY=ghcr.io/you TAG=name ONLY=orchestrator,postgres; ARGS="--bills build/images" or "--scan"
	@$(VENV)/python -m delivery images $(if $(REGISTRY),--registry "$(REGISTRY)") $(if $(TAG),--tag "$(TAG)") $(if $(ONLY),--only "$(ONLY)") $(ARGS)

up: bootstrap ## A kind cluster with Argo CD and this checkout's platform: ENV=dev OPERATORS=external-secrets WORKERS=0; CLUSTER_KIT=/folder
	@$(VENV)/python -m delivery up $(if $(ENV),--environment "$(ENV)") $(if $(OPERATORS),--operators "$(OPERATORS)") $(if $(WORKERS),--workers "$(WORKERS)") $(ARGS)

down: bootstrap ## Take that cluster away, or with ENV= one of its further environments
	@$(VENV)/python -m delivery down $(if $(ENV),--environment "$(ENV)") $(ARGS)

e2e: bootstrap ## Hold the proofs on a real cluster and write docs/proofs.md: PROOFS=retune,deploy or short; CLUSTER_KIT=/folder
	@PYTHONPATH=tests $(VENV)/python -m proofs $(PROOFS) $(ARGS)

release: bootstrap ## Build, push and name this commit's images in dev: REGISTRY=ghcr.io/you or KIND=cluster; PUSH=yes
	@$(VENV)/python -m delivery release $(if $(REGISTRY),--registry "$(REGISTRY)") $(if $(KIND),--kind "$(KIND)") $(PUBLISH)

promote: bootstrap ## Propose the next environment's images on a branch: FROM=dev TO=test; PUSH=yes or PULL_REQUEST=yes
	@test -n "$(FROM)" && test -n "$(TO)" || { echo 'Say from where to where: make promote FROM=dev TO=test'; exit 2; }
	@$(VENV)/python -m delivery promote --from "$(FROM)" --to "$(TO)" $(PUBLISH)

rollback: bootstrap ## Propose the images that an environment ran before: ENV=prod, or TAG=… of its past; PUSH=, PULL_REQUEST=
	@test -n "$(ENV)" || { echo 'Say which environment: make rollback ENV=prod'; exit 2; }
	@$(VENV)/python -m delivery rollback --env "$(ENV)" $(if $(TAG),--tag "$(TAG)") $(PUBLISH)

chaos-%: bootstrap ## Break a part on purpose, over and over, and show what was lost: chaos-ingest; ARGS="…" goes to it
	@$(VENV)/python tests/load/chaos_$(subst -,_,$*).py $(ARGS)

drill-%: bootstrap ## Provoke one alert against a platform of its own and see it fire and end: drill-StepDegraded, drill-all
	@PYTHONPATH=tests:tests/load $(VENV)/python -m drills $* $(ARGS)

bench-%: bootstrap ## Run one benchmark; ARGS="…" goes to it
	@$(VENV)/python tests/load/bench_$(subst -,_,$*).py $(ARGS)

tf-plan: ## Terraform: what would change; CLOUD=aws|azure|gcp|kind ENV=dev|test|prod STATE=bucket (docs/terraform.md)
	@terraform/run.sh plan "$(CLOUD)" "$(ENV)"

tf-apply: ## Carry out the plan that tf-plan wrote
	@terraform/run.sh apply "$(CLOUD)" "$(ENV)"

tf-drift: ## Fail where what is there is not what Git says
	@terraform/run.sh drift "$(CLOUD)" "$(ENV)"

tf-output: ## What an applied root says; NAME=kubeconfig or another of its outputs, none: all
	@NAME="$(NAME)" terraform/run.sh output "$(CLOUD)" "$(ENV)"

tf-destroy: ## Take the platform out of its clusters, then destroy everything: CONFIRM=cloud/environment
	@terraform/run.sh destroy "$(CLOUD)" "$(ENV)"

tf-test: bootstrap ## Test inventories, AWS and kind; AWS is applied to an emulator
	@$(BOOTSTRAP) $(ALL_GROUPS) terraform
	@$(VENV)/pytest -q tests/terraform

tf-test-all: bootstrap ## As tf-test, and Azure and Google Cloud with mocks, and checkov
	@$(BOOTSTRAP) $(ALL_GROUPS) terraform
	@TERRAFORM_CLOUDS=all $(VENV)/pytest -q tests/terraform
	@$(MAKE) --no-print-directory tf-scan

tf-scan: bootstrap ## Look for what checkov holds against it; terraform/.checkov.yaml lists what is passed over, and why
	@$(UV) tool run --python $(VENV)/python checkov==$(CHECKOV) --config-file terraform/.checkov.yaml --directory terraform
