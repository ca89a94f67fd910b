output "name" {
  description = "The cluster's name in Google Cloud."
  value       = google_container_cluster.this.name
}

output "workload_pool" {
  description = "The pool that service accounts' identities are in."
  value       = google_container_cluster.this.workload_identity_config[0].workload_pool
}
