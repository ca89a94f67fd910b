# The ground under the platform on AWS: what the inventory's rows of this environment say, and a cluster that Argo CD takes over.

locals {
  cloud    = "aws"
  registry = var.registry.url != "" ? var.registry.url : module.registry[0].url
  vault    = { place = var.region, prefix = module.vault.prefix }

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
      provider = { aws = {
        service = "SecretsManager"
        region  = var.region
        auth    = { jwt = { serviceAccountRef = { name = "fairlead-vault", namespace = "external-secrets" } } }
      } }
      annotations = { "eks.amazonaws.com/role-arn" = local.facts[name]["identity-external-secrets"] }
    }
  }

  kubeconfig = { for name, cluster in module.cluster : name => "aws eks update-kubeconfig --region ${var.region} --name ${cluster.name}" }

  shared = merge(try(values(local.rows.clusters)[0].tags, {}), { name = "fairlead-${var.environment}" })
}

data "aws_caller_identity" "this" {}

module "vault" {
  source              = "../modules/aws/vault"
  environment         = var.environment
  account             = data.aws_caller_identity.this.account_id
  secrets             = ["fairlead-api-keys", "fairlead-service-keys", "fairlead-model-keys", "fairlead-trace-store"]
  deletion_protection = var.deletion_protection
  tags                = local.shared
}

module "registry" {
  source              = "../modules/aws/registry"
  count               = var.registry.url == "" ? 1 : 0
  images              = ["orchestrator", "llm-proxy", "local-models", "ingestion", "observability", "mlflow", "postgres"]
  key_arn             = module.vault.key_arn
  deletion_protection = var.deletion_protection
  tags                = local.shared
}

module "logs" {
  source         = "../modules/aws/logs"
  for_each       = local.rows.clusters
  name           = each.key
  monthly_budget = each.value.monthly_budget
  owner          = each.value.owner
  retention_days = 365
  key_arn        = module.vault.key_arn
  tags           = each.value.tags
}

module "network" {
  source        = "../modules/aws/network"
  for_each      = local.rows.clusters
  name          = each.key
  region        = each.value.region
  cidr          = each.value.cidr
  zones         = each.value.size == "small" ? 1 : 3
  rules         = { for name, rule in local.rows.firewall_rules : name => rule if rule.cluster == each.key }
  log_group_arn = module.logs[each.key].network_arn
  tags          = each.value.tags
}

module "cluster" {
  source            = "../modules/aws/cluster"
  for_each          = local.rows.clusters
  cluster           = each.value
  subnet_ids        = module.network[each.key].subnet_ids
  security_group_id = module.network[each.key].node_security_group_id
  key_arn           = module.vault.key_arn
  tags              = each.value.tags
}

module "dns" {
  source   = "../modules/aws/dns"
  for_each = local.rows.clusters
  domain   = each.value.domain
  tags     = each.value.tags
}

module "storage" {
  source              = "../modules/aws/storage"
  for_each            = local.rows.storage
  storage             = each.value
  account             = data.aws_caller_identity.this.account_id
  key_arn             = module.vault.key_arn
  deletion_protection = var.deletion_protection
  tags                = each.value.tags
}

module "passwords" {
  source              = "../modules/aws/passwords"
  for_each            = local.rows.databases
  name                = "${module.vault.prefix}${each.key}"
  password_version    = var.password_version
  key_arn             = module.vault.key_arn
  deletion_protection = var.deletion_protection
  tags                = each.value.tags
}

module "database" {
  source                   = "../modules/aws/database"
  for_each                 = local.rows.databases
  database                 = each.value
  network_id               = module.network[each.value.cluster].id
  subnet_ids               = module.network[each.value.cluster].subnet_ids
  client_security_group_id = module.network[each.value.cluster].node_security_group_id
  passwords                = module.passwords[each.key].values
  password_version         = var.password_version
  key_arn                  = module.vault.key_arn
  deletion_protection      = var.deletion_protection
  tags                     = each.value.tags
}

module "models" {
  source     = "../modules/aws/models"
  for_each   = local.rows.model_deployments
  deployment = each.value
  tags       = each.value.tags
}

module "search" {
  source                   = "../modules/aws/search"
  for_each                 = var.search ? local.rows.clusters : {}
  name                     = each.key
  size                     = each.value.size
  account                  = data.aws_caller_identity.this.account_id
  region                   = each.value.region
  network_id               = module.network[each.key].id
  subnet_ids               = module.network[each.key].subnet_ids
  client_security_group_id = module.network[each.key].node_security_group_id
  log_group_arn            = module.logs[each.key].search_arn
  key_arn                  = module.vault.key_arn
  tags                     = each.value.tags
}

module "identity" {
  source            = "../modules/aws/identity"
  for_each          = local.rows.identities
  identity          = each.value
  issuer            = module.cluster[each.value.cluster].issuer
  issuer_arn        = module.cluster[each.value.cluster].issuer_arn
  vault_policy_arn  = module.vault.read_policy_arn
  model_policy_arns = { for name, model in module.models : name => model.id }
  storage_ids       = { for name, storage in module.storage : name => storage.id }
  zone_id           = module.dns[each.value.cluster].zone_id
  key_arn           = module.vault.key_arn
  tags              = each.value.tags
}
