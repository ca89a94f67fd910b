# What one service account may do in Google Cloud: an account that only it can act as, with exactly the row's grants.

data "google_project" "this" {
  project_id = var.project
}

locals {
  member = "serviceAccount:${google_service_account.this.email}"
}

resource "google_service_account" "this" {
  account_id   = "fl-${var.identity.name}"
  display_name = "Fairlead ${var.identity.name}"
}

resource "google_service_account_iam_member" "workload" {
  service_account_id = google_service_account.this.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.workload_pool}[${var.identity.namespace}/${var.identity.service_account}]"
}

resource "google_project_iam_member" "vault" {
  count   = var.identity.vault ? 1 : 0
  project = var.project
  role    = "roles/secretmanager.secretAccessor"
  member  = local.member

  condition {
    title      = "this environment's secrets"
    expression = "resource.name.startsWith('projects/${data.google_project.this.number}/secrets/${var.vault_prefix}')"
  }
}

resource "google_project_iam_member" "models" {
  count   = var.identity.models ? 1 : 0
  project = var.project
  role    = "roles/aiplatform.user"
  member  = local.member
}

resource "google_storage_bucket_iam_member" "this" {
  for_each = var.identity.storage
  bucket   = var.storage_ids[each.key]
  role     = contains(each.value, "write") ? "roles/storage.objectUser" : "roles/storage.objectViewer"
  member   = local.member
}

resource "google_dns_managed_zone_iam_member" "this" {
  count        = var.identity.dns ? 1 : 0
  project      = var.project
  managed_zone = var.zone_id
  role         = "roles/dns.admin"
  member       = local.member
}
