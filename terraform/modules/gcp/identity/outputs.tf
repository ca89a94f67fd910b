output "id" {
  description = "What the service account is annotated with."
  value       = google_service_account.this.email
}
