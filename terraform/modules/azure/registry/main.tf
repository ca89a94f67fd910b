# The container registry. Nobody has a password for it: nodes and people come with their own identities.

resource "azurerm_container_registry" "this" {
  name                          = "fairlead${var.environment}${var.suffix}"
  resource_group_name           = var.group
  location                      = var.region
  sku                           = "Premium"
  admin_enabled                 = false
  anonymous_pull_enabled        = false
  public_network_access_enabled = false
  data_endpoint_enabled         = true
  zone_redundancy_enabled       = true
  retention_policy_in_days      = 14
  tags                          = var.tags
}

module "endpoint" {
  source    = "../endpoint"
  for_each  = var.endpoints
  name      = "fairlead-${each.key}-registry"
  target_id = azurerm_container_registry.this.id
  kind      = "registry"
  subnet_id = each.value.subnet_id
  zone_id   = each.value.zone_ids["registry"]
  group     = var.group
  region    = var.region
  tags      = var.tags
}
