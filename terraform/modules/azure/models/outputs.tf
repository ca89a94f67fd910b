output "endpoint" {
  description = "What the pool's configuration needs of it."
  value = {
    url      = azurerm_cognitive_account.this.endpoint
    kind     = "azure"
    model    = azurerm_cognitive_deployment.this.name
    tpm      = var.deployment.capacity * 1000
    priority = var.deployment.priority
  }
}

output "id" {
  description = "The account, for identities' grants."
  value       = azurerm_cognitive_account.this.id
}
