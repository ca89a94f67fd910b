# The ground under the platform on one machine: clusters of kind. What a cloud would give beside them (database, buckets,
# vault, identities) the charts bring themselves, so the other tables of the inventory are empty.

locals {
  cloud    = "kind"
  registry = var.registry.url
  vault    = { place = "", prefix = "" }

  made = {
    clusters   = module.cluster
    databases  = {}
    storage    = {}
    identities = {}
    logs       = {}
    search     = {}
    models     = {}
    dns        = {}
  }

  vault_access = { for name in keys(local.rows.clusters) : name => null }

  kubeconfig = { for name, cluster in module.cluster : name => "kubectl config use-context ${cluster.context}" }
}

module "cluster" {
  source   = "../modules/kind/cluster"
  for_each = local.rows.clusters
  cluster  = each.value
}
