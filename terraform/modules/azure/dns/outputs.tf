output "zone_id" {
  description = "The zone, for identities that write records."
  value       = azurerm_dns_zone.this.id
}

output "name_servers" {
  description = "Where the parent zone must delegate the domain to."
  value       = azurerm_dns_zone.this.name_servers
}
