# Made by `make generate` from the rules. Each run gives the module an inventory that breaks one rule. Each
# has all files: OpenTofu does not let a run take its variables from those of the file.
variables {
  cloud       = "aws"
  environment = "dev"
  region      = "eu-central-1"
}

run "a_good_inventory" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
}

run "clusters_columns" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.columns.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_fields" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.fields.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_name" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.name.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_duplicate" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.duplicate.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_environment" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.environment.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_owner" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.owner.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_cost_center" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.cost_center.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_region" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.region.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_home" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.home.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_cidr" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.cidr.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_overlap" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.overlap.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_size" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.size.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_version" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.version.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_gpu" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.gpu.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_public" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.public.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_domain" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.domain.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "clusters_budget" {
  command = plan
  variables {
    files = {
      clusters          = "../../../tests/terraform/bad/clusters.budget.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_columns" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.columns.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_fields" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.fields.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_name" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.name.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_duplicate" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.duplicate.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_environment" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.environment.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_owner" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.owner.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_cost_center" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.cost_center.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_region" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.region.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_model" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.model.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_version" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.version.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_capacity" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.capacity.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_priority" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.priority.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_public" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.public.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "model_deployments_once" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../../tests/terraform/bad/model_deployments.once.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_columns" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.columns.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_fields" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.fields.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_name" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.name.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_duplicate" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.duplicate.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_environment" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.environment.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_owner" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.owner.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_cost_center" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.cost_center.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_cluster" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.cluster.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_version" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.version.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_size" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.size.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_storage" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.storage.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_availability" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.availability.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_backup" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.backup.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "databases_public" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../../tests/terraform/bad/databases.public.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_columns" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.columns.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_fields" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.fields.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_name" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.name.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_duplicate" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.duplicate.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_environment" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.environment.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_owner" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.owner.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_cost_center" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.cost_center.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_region" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.region.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_home" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.home.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_purpose" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.purpose.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_retention" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.retention.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_versioning" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.versioning.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "storage_public" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../../tests/terraform/bad/storage.public.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_columns" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.columns.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_fields" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.fields.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_name" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.name.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_duplicate" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.duplicate.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_environment" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.environment.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_owner" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.owner.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_cost_center" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.cost_center.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_cluster" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.cluster.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_direction" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.direction.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_protocol" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.protocol.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_ports" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.ports.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_cidr" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.cidr.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_world" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.world.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_priority" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.priority.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "firewall_rules_description" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../../tests/terraform/bad/firewall_rules.description.csv"
      identities        = "../../aws/inventory/identities.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_columns" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.columns.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_fields" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.fields.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_name" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.name.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_duplicate" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.duplicate.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_environment" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.environment.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_owner" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.owner.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_cost_center" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.cost_center.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_cluster" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.cluster.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_purpose" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.purpose.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_namespace" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.namespace.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_service_account" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.service_account.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_subject" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.subject.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_access" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.access.csv"
    }
  }
  expect_failures = [output.rows]
}

run "identities_storage" {
  command = plan
  variables {
    files = {
      clusters          = "../../aws/inventory/clusters.csv"
      model_deployments = "../../aws/inventory/model_deployments.csv"
      databases         = "../../aws/inventory/databases.csv"
      storage           = "../../aws/inventory/storage.csv"
      firewall_rules    = "../../aws/inventory/firewall_rules.csv"
      identities        = "../../../tests/terraform/bad/identities.storage.csv"
    }
  }
  expect_failures = [output.rows]
}
