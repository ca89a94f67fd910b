# The container registry. A tag is written once; untagged images go after two weeks.

resource "google_artifact_registry_repository" "this" {
  repository_id = "fairlead-${var.environment}"
  location      = var.region
  format        = "DOCKER"
  kms_key_name  = var.key_id
  labels        = var.labels

  docker_config {
    immutable_tags = true
  }
  cleanup_policies {
    id     = "untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "1209600s"
    }
  }
}
