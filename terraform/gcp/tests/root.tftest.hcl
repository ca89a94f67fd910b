# The whole root, planned against a mocked Google Cloud; what people rely on is asserted of the plan.
mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      number          = "123456789012"
      billing_account = "012345-567890-ABCDEF"
    }
  }
}

variables {
  environment = "dev"
  region      = "europe-west3"
  account     = "my-project"
}

run "dev" {
  command = plan

  assert {
    condition     = keys(module.cluster) == ["dev-main"] && keys(module.database) == ["dev-store"]
    error_message = "only the rows of dev are made"
  }
  assert {
    condition     = output.models["dev-chat"].tpm == 50000
    error_message = "a row's capacity is what the pool keeps to"
  }
}

run "prod" {
  command = plan

  variables {
    environment = "prod"
    search      = true
  }

  assert {
    condition     = length(module.search) == 1
    error_message = "a switch brings managed search"
  }
}

run "a_registry_of_another_environment" {
  command = plan

  variables {
    environment = "test"
    registry    = { url = "europe-west3-docker.pkg.dev/other/fairlead-dev", id = "" }
  }

  assert {
    condition     = length(module.registry) == 0
    error_message = "one registry serves all environments"
  }
}

run "an_environment_that_there_is_not" {
  command = plan
  variables { environment = "staging" }
  expect_failures = [var.environment]
}
