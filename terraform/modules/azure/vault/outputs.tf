output "url" {
  description = "The vault's address."
  value       = azurerm_key_vault.this.vault_uri
}

output "id" {
  description = "The vault, for grants and for secrets. It can be written to once the writer may and an endpoint leads to it."
  value       = azurerm_key_vault.this.id
  depends_on  = [azurerm_role_assignment.writer, module.endpoint]
}
