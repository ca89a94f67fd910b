# A database's passwords: made, put into the vault and read back from there, so neither plan nor state ever holds one. They
# are in the vault before the database is made: a run that breaks off leaves no database that nobody has the password of.

locals {
  values = jsondecode(ephemeral.azurerm_key_vault_secret.this.value)
}

ephemeral "random_password" "this" {
  for_each    = toset(["superuser", "owner", "app", "mlflow"])
  length      = 40
  special     = false
  min_lower   = 1
  min_upper   = 1
  min_numeric = 1
}

resource "azurerm_key_vault_secret" "this" {
  name             = "${var.name}-passwords"
  key_vault_id     = var.vault_id
  content_type     = "application/json"
  value_wo         = jsonencode({ for user, password in ephemeral.random_password.this : user => password.result })
  value_wo_version = var.password_version
  tags             = var.tags
}

ephemeral "azurerm_key_vault_secret" "this" {
  name         = azurerm_key_vault_secret.this.name
  key_vault_id = azurerm_key_vault_secret.this.key_vault_id
  version      = azurerm_key_vault_secret.this.version
}
