# The ground under the platform on Azure: what the inventory's rows of this environment say, and a cluster that Argo CD takes over.

locals {
  cloud    = "azure"
  registry = var.registry.url != "" ? var.registry.url : module.registry[0].url
  vault    = { place = module.vault.url, prefix = "" }

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
      provider = { azurekv = {
        authType          = "WorkloadIdentity"
        vaultUrl          = module.vault.url
        serviceAccountRef = { name = "fairlead-vault", namespace = "external-secrets" }
      } }
      annotations = {
        "azure.workload.identity/client-id" = local.facts[name]["identity-external-secrets"]
        "azure.workload.identity/tenant-id" = data.azurerm_client_config.this.tenant_id
      }
    }
  }

  kubeconfig = { for name, cluster in module.cluster : name => "az aks get-credentials --resource-group ${azurerm_resource_group.this.name} --name ${cluster.name} && kubelogin convert-kubeconfig -l azurecli" }

  shared = merge(try(values(local.rows.clusters)[0].tags, {}), { name = "fairlead-${var.environment}" })
  # Some names must be the only ones of their kind in the world: the subscription and the environment decide the end of them.
  suffix    = substr(sha256("${var.account}/${var.environment}"), 0, 6)
  endpoints = { for name, network in module.network : name => { subnet_id = network.endpoint_subnet_id, zone_ids = network.zone_ids } }
}

data "azurerm_client_config" "this" {}

resource "azurerm_resource_group" "this" {
  name     = "fairlead-${var.environment}"
  location = var.region
  tags     = local.shared
}

module "vault" {
  source              = "../modules/azure/vault"
  environment         = var.environment
  tenant_id           = data.azurerm_client_config.this.tenant_id
  writer_id           = data.azurerm_client_config.this.object_id
  suffix              = local.suffix
  endpoints           = local.endpoints
  group               = azurerm_resource_group.this.name
  region              = var.region
  deletion_protection = var.deletion_protection
  tags                = local.shared
}

module "registry" {
  source      = "../modules/azure/registry"
  count       = var.registry.url == "" ? 1 : 0
  environment = var.environment
  suffix      = local.suffix
  endpoints   = local.endpoints
  group       = azurerm_resource_group.this.name
  region      = var.region
  tags        = local.shared
}

module "logs" {
  source         = "../modules/azure/logs"
  for_each       = local.rows.clusters
  name           = each.key
  monthly_budget = each.value.monthly_budget
  owner          = each.value.owner
  retention_days = 365
  group_id       = azurerm_resource_group.this.id
  group          = azurerm_resource_group.this.name
  region         = var.region
  tags           = each.value.tags
}

module "network" {
  source   = "../modules/azure/network"
  for_each = local.rows.clusters
  name     = each.key
  cidr     = each.value.cidr
  zones    = each.value.size == "small" ? 1 : 3
  rules    = { for name, rule in local.rows.firewall_rules : name => rule if rule.cluster == each.key }
  group    = azurerm_resource_group.this.name
  region   = var.region
  tags     = each.value.tags
}

module "cluster" {
  source       = "../modules/azure/cluster"
  for_each     = local.rows.clusters
  cluster      = each.value
  subnet_id    = module.network[each.key].node_subnet_id
  tenant_id    = data.azurerm_client_config.this.tenant_id
  registry_id  = var.registry.url != "" ? var.registry.id : module.registry[0].id
  workspace_id = module.logs[each.key].workspace_id
  group        = azurerm_resource_group.this.name
  region       = var.region
  tags         = each.value.tags
}

module "dns" {
  source   = "../modules/azure/dns"
  for_each = local.rows.clusters
  domain   = each.value.domain
  group    = azurerm_resource_group.this.name
  tags     = each.value.tags
}

module "storage" {
  source    = "../modules/azure/storage"
  for_each  = local.rows.storage
  storage   = each.value
  suffix    = local.suffix
  endpoints = local.endpoints
  group     = azurerm_resource_group.this.name
  region    = var.region
  tags      = each.value.tags
}

module "passwords" {
  source           = "../modules/azure/passwords"
  for_each         = local.rows.databases
  name             = each.key
  vault_id         = module.vault.id
  password_version = var.password_version
  tags             = each.value.tags
}

module "database" {
  source           = "../modules/azure/database"
  for_each         = local.rows.databases
  database         = each.value
  subnet_id        = module.network[each.value.cluster].database_subnet_id
  zone_id          = module.network[each.value.cluster].zone_ids["database"]
  vault_id         = module.vault.id
  passwords        = module.passwords[each.key].values
  password_version = var.password_version
  suffix           = local.suffix
  group            = azurerm_resource_group.this.name
  region           = var.region
  tags             = each.value.tags
}

module "models" {
  source     = "../modules/azure/models"
  for_each   = local.rows.model_deployments
  deployment = each.value
  suffix     = local.suffix
  endpoints  = local.endpoints
  group      = azurerm_resource_group.this.name
  region     = var.region
  tags       = each.value.tags
}

module "search" {
  source    = "../modules/azure/search"
  for_each  = var.search ? local.rows.clusters : {}
  name      = each.key
  size      = each.value.size
  suffix    = local.suffix
  endpoints = { for name, endpoint in local.endpoints : name => endpoint if name == each.key }
  group     = azurerm_resource_group.this.name
  region    = var.region
  tags      = each.value.tags
}

module "identity" {
  source      = "../modules/azure/identity"
  for_each    = local.rows.identities
  identity    = each.value
  issuer      = module.cluster[each.value.cluster].issuer
  vault_id    = module.vault.id
  model_ids   = { for name, model in module.models : name => model.id }
  storage_ids = { for name, storage in module.storage : name => storage.id }
  zone_id     = module.dns[each.value.cluster].zone_id
  group       = azurerm_resource_group.this.name
  region      = var.region
  tags        = each.value.tags
}
