output "url" {
  description = "Where the cluster's services reach it."
  value       = "https://eu-discoveryengine.googleapis.com/v1/${google_discovery_engine_data_store.this.name}"
}
