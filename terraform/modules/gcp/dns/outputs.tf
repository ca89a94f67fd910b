output "zone_id" {
  description = "The zone, for identities that write records."
  value       = google_dns_managed_zone.this.name
}

output "name_servers" {
  description = "Where the parent zone must delegate the domain to."
  value       = google_dns_managed_zone.this.name_servers
}

output "certificate" {
  description = "The certificate, for load balancers."
  value       = google_certificate_manager_certificate.this.id
}
