# A managed PostgreSQL with pgvector, in a subnet of its own without any address outside.

locals {
  name   = "fairlead-${var.database.name}-${var.suffix}"
  users  = { superuser = "fairlead_admin", owner = "fairlead_owner", app = "fairlead_app", mlflow = "mlflow" }
  server = "${azurerm_postgresql_flexible_server.this.fqdn}:5432"
}

resource "azurerm_postgresql_flexible_server" "this" {
  name                              = local.name
  resource_group_name               = var.group
  location                          = var.region
  version                           = var.database.version
  sku_name                          = { small = "B_Standard_B2s", medium = "GP_Standard_D2ds_v5", large = "MO_Standard_E8ds_v5" }[var.database.size]
  storage_mb                        = var.database.storage_gb * 1024
  auto_grow_enabled                 = true
  administrator_login               = local.users.superuser
  administrator_password_wo         = var.passwords.superuser
  administrator_password_wo_version = var.password_version
  backup_retention_days             = var.database.backup_days
  geo_redundant_backup_enabled      = var.database.high_availability
  delegated_subnet_id               = var.subnet_id
  private_dns_zone_id               = var.zone_id
  public_network_access_enabled     = false
  tags                              = var.tags

  dynamic "high_availability" {
    for_each = var.database.high_availability ? ["ZoneRedundant"] : []
    content {
      mode = high_availability.value
    }
  }

  lifecycle {
    ignore_changes = [zone, high_availability[0].standby_availability_zone] # a failover moves it

    precondition {
      condition     = !(var.database.high_availability && var.database.size == "small")
      error_message = "databases.csv, ${var.database.name}: Azure's small servers have no high availability: make it medium or large."
    }
  }
}

resource "azurerm_postgresql_flexible_server_configuration" "this" {
  for_each = {
    "azure.extensions"           = "VECTOR"
    "require_secure_transport"   = "on"
    "log_min_duration_statement" = "1000"
    "log_connections"            = "on"
    "log_checkpoints"            = "on"
  }
  name      = each.key
  server_id = azurerm_postgresql_flexible_server.this.id
  value     = each.value
}

# What the charts' Secret fairlead-database holds, key for key.
resource "azurerm_key_vault_secret" "this" {
  name         = "${var.database.name}-database"
  key_vault_id = var.vault_id
  content_type = "application/json"
  value_wo = jsonencode({
    "superuser-password" = var.passwords.superuser
    "owner-password"     = var.passwords.owner
    "app-password"       = var.passwords.app
    "mlflow-password"    = var.passwords.mlflow
    "superuser-url"      = "postgresql://${local.users.superuser}:${var.passwords.superuser}@${local.server}/postgres?sslmode=require"
    "owner-url"          = "postgresql://${local.users.owner}:${var.passwords.owner}@${local.server}/fairlead?sslmode=require"
    "url"                = "postgresql://${local.users.app}:${var.passwords.app}@${local.server}/fairlead?sslmode=require"
    "mlflow-url"         = "postgresql://${local.users.mlflow}:${var.passwords.mlflow}@${local.server}/mlflow?sslmode=require"
  })
  value_wo_version = var.password_version
  tags             = var.tags
}
