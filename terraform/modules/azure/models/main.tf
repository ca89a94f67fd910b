# An Azure OpenAI account with one deployment, in the row's region. It has no keys: the pool comes with its own identity.

resource "azurerm_cognitive_account" "this" {
  name                               = "fairlead-${var.deployment.name}-${var.suffix}"
  resource_group_name                = var.group
  location                           = var.deployment.region
  kind                               = "OpenAI"
  sku_name                           = "S0"
  custom_subdomain_name              = "fairlead-${var.deployment.name}-${var.suffix}"
  local_auth_enabled                 = false
  public_network_access_enabled      = var.deployment.public
  outbound_network_access_restricted = true
  tags                               = var.tags

  identity {
    type = "SystemAssigned"
  }

  network_acls {
    default_action = var.deployment.public ? "Allow" : "Deny"
  }
}

resource "azurerm_cognitive_deployment" "this" {
  name                   = var.deployment.model
  cognitive_account_id   = azurerm_cognitive_account.this.id
  version_upgrade_option = "NoAutoUpgrade"

  model {
    format  = "OpenAI"
    name    = var.deployment.model
    version = var.deployment.version
  }

  sku {
    name     = "Standard"
    capacity = var.deployment.capacity
  }
}

# The clusters' networks are in the environment's region; the account may be in another.
module "endpoint" {
  source    = "../endpoint"
  for_each  = var.endpoints
  name      = "fairlead-${each.key}-${var.deployment.name}"
  target_id = azurerm_cognitive_account.this.id
  kind      = "account"
  subnet_id = each.value.subnet_id
  zone_id   = each.value.zone_ids["account"]
  group     = var.group
  region    = var.region
  tags      = var.tags
}
