# The ground under the platform on one machine: clusters of kind. What a cloud would give beside them (database, buckets,
# vault, identities) the charts bring themselves, so the other tables of the inventory are empty.

locals {
  rows = module.inventory.rows

  facts = {
    for name, cluster in local.rows.clusters : name => merge(
      {
        cloud           = "kind"
        region          = cluster.region
        cluster         = module.cluster[name].name
        domain          = cluster.domain
        registry        = var.registry.url
        vault           = ""
        vault-prefix    = ""
        database-host   = ""
        database-secret = ""
        files-url       = ""
        backups-url     = ""
        log-sink        = ""
        search-url      = ""
      },
      {
        for purpose in ["external-secrets", "external-dns", "llm-proxy", "ingestion", "orchestrator", "vector-store"] : "identity-${purpose}" => ""
      },
    )
  }
}

module "inventory" {
  source      = "../modules/inventory"
  cloud       = "kind"
  environment = var.environment
  region      = var.region
  files = {
    for table in ["clusters", "model_deployments", "databases", "storage", "firewall_rules", "identities"] :
    table => "${var.inventory}/${table}.csv"
  }
}

module "cluster" {
  source   = "../modules/kind/cluster"
  for_each = local.rows.clusters
  cluster  = each.value
}

module "bridge" {
  source      = "../modules/bridge"
  for_each    = local.rows.clusters
  environment = var.environment
  size        = each.value.size
  addons      = var.addons
  facts       = local.facts[each.key]
}
