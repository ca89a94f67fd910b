output "id" {
  description = "What the service account is annotated with."
  value       = azurerm_user_assigned_identity.this.client_id
}
