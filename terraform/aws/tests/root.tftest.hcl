# The whole root, planned against a mocked AWS; what people rely on is asserted of the plan. It is also applied for real, to
# an emulator: tests/terraform/test_aws_apply.py.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
}

variables {
  environment = "dev"
  region      = "eu-central-1"
  account     = "111122223333"
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
    registry    = { url = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/fairlead", id = "" }
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
