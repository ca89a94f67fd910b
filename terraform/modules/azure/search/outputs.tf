output "url" {
  description = "Where the cluster's services reach it."
  value       = "https://${azurerm_search_service.this.name}.search.windows.net"
}
