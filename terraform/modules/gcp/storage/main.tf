# A bucket: encrypted, never public. What was overwritten or deleted can be had back for the row's days.

resource "google_storage_bucket" "this" {
  name                        = "fairlead-${var.storage.name}-${var.project}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection
  labels                      = var.labels

  versioning {
    enabled = var.storage.versioning
  }
  encryption {
    default_kms_key_name = var.key_id
  }
  soft_delete_policy {
    retention_duration_seconds = min(var.storage.retention_days, 90) * 86400
  }

  lifecycle_rule {
    condition {
      days_since_noncurrent_time = var.storage.retention_days
      with_state                 = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }
  dynamic "lifecycle_rule" {
    for_each = var.storage.purpose == "logs" ? [var.storage.retention_days] : []
    content {
      condition {
        age = lifecycle_rule.value
      }
      action {
        type = "Delete"
      }
    }
  }
}
