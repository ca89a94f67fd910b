output "host" {
  description = "The server's name in the network."
  value       = azurerm_postgresql_flexible_server.this.fqdn
}

output "secret" {
  description = "The vault's name of the secret whose keys are those of the charts' Secret fairlead-database."
  value       = azurerm_key_vault_secret.this.name
}
