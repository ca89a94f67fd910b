# The ground under the platform on Google Cloud: what the inventory's rows of this environment say, and a cluster that Argo CD takes over.

locals {
  cloud    = "gcp"
  registry = var.registry.url != "" ? var.registry.url : module.registry[0].url
  vault    = { place = var.account, prefix = module.vault.prefix }

  made = {
    clusters   = module.cluster
    databases  = module.database
    storage    = module.storage
    identities = module.identity
    logs       = module.logs
    search     = module.search
    models     = module.models
    dns        = module.dns
  }

  vault_access = {
    for name in keys(local.rows.clusters) : name => {
      provider = { gcpsm = {
        projectID = var.account
        auth = { workloadIdentity = {
          clusterProjectID  = var.account
          clusterLocation   = var.region
          clusterName       = local.facts[name].cluster
          serviceAccountRef = { name = "fairlead-vault", namespace = "external-secrets" }
        } }
      } }
      annotations = { "iam.gke.io/gcp-service-account" = local.facts[name]["identity-external-secrets"] }
    }
  }

  kubeconfig = { for name, cluster in module.cluster : name => "gcloud container clusters get-credentials ${cluster.name} --region ${var.region} --project ${var.account} --internal-ip" }

  # Google calls them labels, and takes no @ and no dots in them.
  labels = { for table, rows in local.rows : table => {
    for name, row in rows : name => { for key, value in row.tags : key => replace(lower(value), "/[^a-z0-9_-]/", "_") }
  } }
  shared = merge(try(values(local.labels.clusters)[0], {}), { name = "fairlead-${var.environment}" })
  # Google's own accounts, which encrypt with our key for us.
  agents = {
    storage  = "service-${data.google_project.this.number}@gs-project-accounts.iam.gserviceaccount.com"
    database = "service-${data.google_project.this.number}@gcp-sa-cloud-sql.iam.gserviceaccount.com"
    registry = "service-${data.google_project.this.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    cluster  = "service-${data.google_project.this.number}@container-engine-robot.iam.gserviceaccount.com"
    vault    = "service-${data.google_project.this.number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
  }
}

data "google_project" "this" {}

module "vault" {
  source      = "../modules/gcp/vault"
  environment = var.environment
  secrets     = ["fairlead-api-keys", "fairlead-service-keys", "fairlead-model-keys", "fairlead-trace-store"]
  agents      = local.agents
  region      = var.region
  labels      = local.shared
}

module "registry" {
  source      = "../modules/gcp/registry"
  count       = var.registry.url == "" ? 1 : 0
  environment = var.environment
  project     = var.account
  region      = var.region
  key_id      = module.vault.key_id
  labels      = local.shared
}

module "logs" {
  source         = "../modules/gcp/logs"
  for_each       = local.rows.clusters
  name           = each.key
  monthly_budget = each.value.monthly_budget
  owner          = each.value.owner
  retention_days = 365
  environment    = var.environment
  project        = var.account
  region         = var.region
}

module "network" {
  source   = "../modules/gcp/network"
  for_each = local.rows.clusters
  name     = each.key
  cidr     = each.value.cidr
  rules    = { for name, rule in local.rows.firewall_rules : name => rule if rule.cluster == each.key }
  region   = var.region
}

module "cluster" {
  source              = "../modules/gcp/cluster"
  for_each            = local.rows.clusters
  cluster             = each.value
  network_id          = module.network[each.key].id
  subnet_id           = module.network[each.key].subnet_id
  tag                 = module.network[each.key].tag
  project             = var.account
  region              = var.region
  key_id              = module.vault.key_id
  deletion_protection = var.deletion_protection
  labels              = local.labels.clusters[each.key]
}

module "dns" {
  source   = "../modules/gcp/dns"
  for_each = local.rows.clusters
  name     = each.key
  domain   = each.value.domain
  labels   = local.labels.clusters[each.key]
}

module "storage" {
  source              = "../modules/gcp/storage"
  for_each            = local.rows.storage
  storage             = each.value
  project             = var.account
  region              = var.region
  key_id              = module.vault.key_id
  deletion_protection = var.deletion_protection
  labels              = local.labels.storage[each.key]
}

module "passwords" {
  source           = "../modules/gcp/passwords"
  for_each         = local.rows.databases
  name             = "${module.vault.prefix}${each.key}"
  password_version = var.password_version
  region           = var.region
  key_id           = module.vault.key_id
  labels           = local.labels.databases[each.key]
}

module "database" {
  source              = "../modules/gcp/database"
  for_each            = local.rows.databases
  database            = each.value
  network_id          = module.network[each.value.cluster].id
  passwords           = module.passwords[each.key].values
  password_version    = var.password_version
  region              = var.region
  key_id              = module.vault.key_id
  deletion_protection = var.deletion_protection
  labels              = local.labels.databases[each.key]
}

module "models" {
  source     = "../modules/gcp/models"
  for_each   = local.rows.model_deployments
  deployment = each.value
  project    = var.account
}

module "search" {
  source   = "../modules/gcp/search"
  for_each = var.search ? local.rows.clusters : {}
  name     = each.key
}

module "identity" {
  source        = "../modules/gcp/identity"
  for_each      = local.rows.identities
  identity      = each.value
  workload_pool = module.cluster[each.value.cluster].workload_pool
  vault_prefix  = module.vault.prefix
  storage_ids   = { for name, storage in module.storage : name => storage.id }
  zone_id       = module.dns[each.value.cluster].zone_id
  project       = var.account
}
