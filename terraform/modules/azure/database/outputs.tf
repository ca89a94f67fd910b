output "host" {
  description = "The server's name in the network."
  value       = azurerm_postgresql_flexible_server.this.fqdn
}

output "secret" {
  description = "The secret whose keys are those of the charts' Secret fairlead-database: its name in the vault."
  value       = azurerm_key_vault_secret.this.name
}
