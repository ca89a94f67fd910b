variables {
  cloud       = "aws"
  environment = "dev"
  region      = "eu-central-1"
  files = {
    clusters          = "../../aws/inventory/clusters.csv"
    model_deployments = "../../aws/inventory/model_deployments.csv"
    databases         = "../../aws/inventory/databases.csv"
    storage           = "../../aws/inventory/storage.csv"
    firewall_rules    = "../../aws/inventory/firewall_rules.csv"
    identities        = "../../aws/inventory/identities.csv"
  }
}

run "good" {
  command = plan
}

run "clusters_region" {
  command = plan
  variables {
    files = merge(var.files, { clusters = "../../../tests/terraform/bad/clusters.region.csv" })
  }
  expect_failures = [output.rows]
}
