# The secret vault. Its secrets' values are never in the state. Secrets that people fill (fairlead-api-keys,
# fairlead-service-keys, fairlead-model-keys, fairlead-trace-store) are made by whoever fills them: Azure has no secret without a value.

resource "azurerm_key_vault" "this" {
  name                          = "fl-${var.environment}-${var.suffix}"
  resource_group_name           = var.group
  location                      = var.region
  tenant_id                     = var.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = var.deletion_protection
  soft_delete_retention_days    = var.deletion_protection ? 90 : 7
  public_network_access_enabled = false
  tags                          = var.tags

  network_acls {
    bypass         = "AzureServices"
    default_action = "Deny"
  }
}

resource "azurerm_role_assignment" "writer" {
  scope                = azurerm_key_vault.this.id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = var.writer_id
}

module "endpoint" {
  source    = "../endpoint"
  for_each  = var.endpoints
  name      = "fairlead-${each.key}-vault"
  target_id = azurerm_key_vault.this.id
  kind      = "vault"
  subnet_id = each.value.subnet_id
  zone_id   = each.value.zone_ids["vault"]
  group     = var.group
  region    = var.region
  tags      = var.tags
}
