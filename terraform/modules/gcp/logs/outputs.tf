output "sink" {
  description = "Where the cluster's logs are."
  value       = google_logging_project_bucket_config.this.id
}
