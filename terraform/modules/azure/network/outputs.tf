output "id" {
  description = "The network's identifier."
  value       = azurerm_virtual_network.this.id
}

output "node_subnet_id" {
  description = "The nodes' subnet. It can be used once its way out is there."
  value       = azurerm_subnet.nodes.id
  depends_on  = [azurerm_subnet_nat_gateway_association.nodes]
}

output "endpoint_subnet_id" {
  description = "The subnet of private endpoints."
  value       = azurerm_subnet.endpoints.id
}

output "database_subnet_id" {
  description = "The subnet of databases."
  value       = azurerm_subnet.database.id
}

output "zone_ids" {
  description = "The private DNS zones, by what they resolve."
  value       = { for kind, zone in azurerm_private_dns_zone.this : kind => zone.id }
}
