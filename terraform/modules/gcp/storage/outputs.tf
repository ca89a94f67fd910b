output "url" {
  description = "What services take as the place of their objects."
  value       = "gs://${google_storage_bucket.this.name}"
}

output "id" {
  description = "The bucket, for identities' grants."
  value       = google_storage_bucket.this.name
}
