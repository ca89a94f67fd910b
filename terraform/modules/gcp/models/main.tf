# Access to one Vertex AI model in one region. Vertex has no deployments of Google's models, so there is nothing to make but
# the service itself: the row is what the pool is told, and its capacity what the pool keeps to.

resource "google_project_service" "this" {
  project            = var.project
  service            = "aiplatform.googleapis.com"
  disable_on_destroy = false
}

locals {
  host = "${var.deployment.region}-aiplatform.googleapis.com"
}
