output "id" {
  description = "The endpoint's identifier."
  value       = azurerm_private_endpoint.this.id
}
