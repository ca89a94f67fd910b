# A storage account with one container: no keys, no anonymous access. What was overwritten or deleted can be had back for
# the row's days. Bytes are kept in three zones, outside dev.

locals {
  retention_days = min(var.storage.retention_days, 365)
}

resource "azurerm_storage_account" "this" {
  name                            = "fl${replace(var.storage.name, "-", "")}${var.suffix}"
  resource_group_name             = var.group
  location                        = var.region
  account_tier                    = "Standard"
  account_replication_type        = var.storage.environment == "dev" ? "LRS" : "ZRS"
  min_tls_version                 = "TLS1_2"
  public_network_access_enabled   = var.storage.public
  allow_nested_items_to_be_public = false
  shared_access_key_enabled       = false
  local_user_enabled              = false
  default_to_oauth_authentication = true
  tags                            = var.tags

  blob_properties {
    versioning_enabled  = var.storage.versioning
    change_feed_enabled = var.storage.versioning
    delete_retention_policy {
      days = local.retention_days
    }
    container_delete_retention_policy {
      days = local.retention_days
    }
  }

  network_rules {
    default_action = var.storage.public ? "Allow" : "Deny"
    bypass         = ["AzureServices"]
  }
}

resource "azurerm_storage_container" "this" {
  name                  = var.storage.purpose
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}

resource "azurerm_storage_management_policy" "this" {
  storage_account_id = azurerm_storage_account.this.id

  rule {
    name    = "retention"
    enabled = true
    filters {
      blob_types = ["blockBlob"]
    }
    actions {
      version {
        delete_after_days_since_creation = var.storage.retention_days
      }
      dynamic "base_blob" {
        for_each = var.storage.purpose == "logs" ? [var.storage.retention_days] : []
        content {
          delete_after_days_since_modification_greater_than = base_blob.value
        }
      }
    }
  }
}

module "endpoint" {
  source    = "../endpoint"
  for_each  = var.endpoints
  name      = "fairlead-${each.key}-${var.storage.name}"
  target_id = azurerm_storage_account.this.id
  kind      = "blob"
  subnet_id = each.value.subnet_id
  zone_id   = each.value.zone_ids["blob"]
  group     = var.group
  region    = var.region
  tags      = var.tags
}
