output "endpoint" {
  description = "What the pool's configuration needs of it."
  value = {
    url      = "https://${local.host}/v1/projects/${google_project_service.this.project}/locations/${var.deployment.region}/endpoints/openapi"
    kind     = "openai"
    model    = "google/${var.deployment.model}"
    tpm      = var.deployment.capacity * 1000
    priority = var.deployment.priority
  }
}
