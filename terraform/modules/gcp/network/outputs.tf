output "id" {
  description = "The network. A database can be made in it once the peered range is there."
  value       = google_compute_network.this.id
  depends_on  = [google_service_networking_connection.this]
}

output "subnet_id" {
  description = "The nodes' subnet."
  value       = google_compute_subnetwork.nodes.id
}

output "tag" {
  description = "The tag of nodes that the firewall rules apply to."
  value       = local.name
}
