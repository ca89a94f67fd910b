# What every root says in the same words (each links this folder's files): the inventory's rows, the facts of each cluster, and
# the secret that gives it to Argo CD. Of its cloud a root says: cloud, registry, vault, made, vault_access and kubeconfig.

locals {
  rows = module.inventory.rows

  facts = {
    for name, cluster in local.rows.clusters : name => merge(
      {
        cloud           = local.cloud
        region          = cluster.region
        cluster         = local.made.clusters[name].name
        domain          = cluster.domain
        registry        = local.registry
        vault           = local.vault.place
        vault-prefix    = local.vault.prefix
        database-host   = try([for key, row in local.rows.databases : local.made.databases[key].host if row.cluster == name][0], "")
        database-secret = try([for key, row in local.rows.databases : local.made.databases[key].secret if row.cluster == name][0], "")
        files-url       = try([for key, row in local.rows.storage : local.made.storage[key].url if row.purpose == "files"][0], "")
        backups-url     = try([for key, row in local.rows.storage : local.made.storage[key].url if row.purpose == "backups"][0], "")
        log-sink        = try(local.made.logs[name].sink, "")
        search-url      = try(local.made.search[name].url, "")
      },
      {
        for purpose in ["external-secrets", "external-dns", "llm-proxy", "ingestion", "orchestrator", "vector-store"] : "identity-${purpose}" =>
        try([for key, row in local.rows.identities : local.made.identities[key].id if row.cluster == name && row.purpose == purpose][0], "")
      },
    )
  }
}

module "inventory" {
  source      = "../modules/inventory"
  cloud       = local.cloud
  environment = var.environment
  region      = var.region
  files = {
    for table in ["clusters", "model_deployments", "databases", "storage", "firewall_rules", "identities"] :
    table => "${var.inventory}/${table}.csv"
  }
}

module "bridge" {
  source      = "../modules/bridge"
  for_each    = local.rows.clusters
  environment = var.environment
  size        = each.value.size
  addons      = var.addons
  facts       = local.facts[each.key]
  vault       = local.vault_access[each.key]
}
