# Planned only: an apply makes a cluster (docs/terraform.md, Kind).
variables {
  environment = "dev"
  region      = "local"
  account     = "local"
}

run "dev" {
  command = plan

  assert {
    condition     = keys(module.cluster) == ["dev-main"]
    error_message = "only the rows of dev are made"
  }
}

run "an_environment_that_there_is_not" {
  command = plan
  variables { environment = "staging" }
  expect_failures = [var.environment]
}

run "a_password_version_that_is_none" {
  command = plan
  variables { password_version = 0 }
  expect_failures = [var.password_version]
}

run "an_addon_in_a_state_that_there_is_not" {
  command = plan
  module { source = "../modules/bridge" }
  variables {
    size   = "small"
    addons = { keda = "on" }
    facts = {
      cloud              = "", region = "", cluster = "", domain = "", registry = "", vault = "", vault-prefix = "", database-host = "", database-secret = ""
      files-url          = "", backups-url = "", log-sink = "", search-url = "", identity-external-secrets = "", identity-external-dns = ""
      identity-llm-proxy = "", identity-ingestion = "", identity-orchestrator = "", identity-vector-store = ""
    }
  }
  expect_failures = [var.addons]
}
