output "url" {
  description = "What services take as the place of their objects."
  value       = "az://${azurerm_storage_account.this.name}/${azurerm_storage_container.this.name}"
}

output "id" {
  description = "The account, for identities' grants."
  value       = azurerm_storage_account.this.id
}
