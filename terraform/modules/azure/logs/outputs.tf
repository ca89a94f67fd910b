output "sink" {
  description = "Where the cluster's logs are."
  value       = azurerm_log_analytics_workspace.this.name
}

output "workspace_id" {
  description = "The workspace, for what logs to it."
  value       = azurerm_log_analytics_workspace.this.id
}
