# Managed search (Azure AI Search), for those whose index outgrows one database. Off by default.

resource "azurerm_search_service" "this" {
  name                          = "fairlead-${var.name}-${var.suffix}"
  resource_group_name           = var.group
  location                      = var.region
  sku                           = { small = "basic", medium = "standard", large = "standard2" }[var.size]
  replica_count                 = { small = 1, medium = 3, large = 3 }[var.size]
  local_authentication_enabled  = false
  public_network_access_enabled = false
  tags                          = var.tags

  identity {
    type = "SystemAssigned"
  }
}

module "endpoint" {
  source    = "../endpoint"
  for_each  = var.endpoints
  name      = "fairlead-${each.key}-search"
  target_id = azurerm_search_service.this.id
  kind      = "searchService"
  subnet_id = each.value.subnet_id
  zone_id   = each.value.zone_ids["search"]
  group     = var.group
  region    = var.region
  tags      = var.tags
}
