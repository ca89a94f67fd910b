# The whole root, planned against a mocked Azure; what people rely on is asserted of the plan.
mock_provider "azurerm" {
  mock_data "azurerm_client_config" {
    defaults = {
      tenant_id = "00000000-0000-0000-0000-000000000001"
      object_id = "00000000-0000-0000-0000-000000000002"
    }
  }
}

variables {
  environment = "dev"
  region      = "westeurope"
  account     = "00000000-0000-0000-0000-000000000000"
}

run "dev" {
  command = plan

  assert {
    condition     = keys(module.cluster) == ["dev-main"] && keys(module.database) == ["dev-store"]
    error_message = "only the rows of dev are made"
  }
  assert {
    condition     = length(module.models) == 3
    error_message = "each model deployment is one of its own"
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
    registry    = { url = "other.azurecr.io/fairlead", id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/other" }
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
