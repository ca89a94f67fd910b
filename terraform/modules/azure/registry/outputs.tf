output "url" {
  description = "What image names begin with."
  value       = "${azurerm_container_registry.this.login_server}/fairlead"
}

output "id" {
  description = "The registry, for grants."
  value       = azurerm_container_registry.this.id
}
