output "name" {
  description = "The cluster's name in Azure."
  value       = azurerm_kubernetes_cluster.this.name
}

output "issuer" {
  description = "The issuer of service accounts' tokens."
  value       = azurerm_kubernetes_cluster.this.oidc_issuer_url
}
