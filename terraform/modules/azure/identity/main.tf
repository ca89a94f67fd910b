# What one service account may do in Azure: an identity that only its token can take, with exactly the row's grants.

resource "azurerm_user_assigned_identity" "this" {
  name                = "fairlead-${var.identity.name}"
  resource_group_name = var.group
  location            = var.region
  tags                = var.tags
}

resource "azurerm_federated_identity_credential" "this" {
  name                      = var.identity.name
  user_assigned_identity_id = azurerm_user_assigned_identity.this.id
  issuer                    = var.issuer
  subject                   = "system:serviceaccount:${var.identity.namespace}:${var.identity.service_account}"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_role_assignment" "vault" {
  count                = var.identity.vault ? 1 : 0
  scope                = var.vault_id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
}

resource "azurerm_role_assignment" "models" {
  for_each             = var.identity.models ? var.model_ids : {}
  scope                = each.value
  role_definition_name = "Cognitive Services OpenAI User"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
}

resource "azurerm_role_assignment" "storage" {
  for_each             = var.identity.storage
  scope                = var.storage_ids[each.key]
  role_definition_name = contains(each.value, "write") ? "Storage Blob Data Contributor" : "Storage Blob Data Reader"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
}

resource "azurerm_role_assignment" "dns" {
  count                = var.identity.dns ? 1 : 0
  scope                = var.zone_id
  role_definition_name = "DNS Zone Contributor"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
}
