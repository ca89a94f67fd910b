# The log sink of a cluster, and the alert before the month costs more than planned.

data "google_project" "this" {
  project_id = var.project
}

resource "google_logging_project_bucket_config" "this" {
  project        = var.project
  location       = var.region
  bucket_id      = "fairlead-${var.name}"
  retention_days = var.retention_days
}

resource "google_logging_project_sink" "this" {
  name                   = "fairlead-${var.name}"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.this.id}"
  filter                 = "resource.labels.cluster_name=\"fairlead-${var.name}\""
  unique_writer_identity = true
}

resource "google_monitoring_notification_channel" "owner" {
  display_name = "fairlead-${var.name}"
  type         = "email"
  labels       = { email_address = var.owner }
}

resource "google_billing_budget" "this" {
  billing_account = data.google_project.this.billing_account
  display_name    = "fairlead-${var.name}"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
    labels   = { environment = var.environment }
  }
  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }
  threshold_rules {
    threshold_percent = 0.8
    spend_basis       = "CURRENT_SPEND"
  }
  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }
  all_updates_rule {
    monitoring_notification_channels = [google_monitoring_notification_channel.owner.id]
    disable_default_iam_recipients   = true
  }
}
