# The secret vault: a key that everything is encrypted with, and the places of secrets. Their values are never in the state.

resource "google_kms_key_ring" "this" {
  name     = "fairlead-${var.environment}"
  location = var.region
}

# Google keeps key rings and keys for ever; a destroy ends the key's versions after a month.
resource "google_kms_crypto_key" "this" {
  name                       = "data"
  key_ring                   = google_kms_key_ring.this.id
  rotation_period            = "7776000s"
  destroy_scheduled_duration = "2592000s"
  labels                     = var.labels
}

resource "google_kms_crypto_key_iam_member" "agents" {
  for_each      = var.agents
  crypto_key_id = google_kms_crypto_key.this.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"
}

resource "google_secret_manager_secret" "this" {
  for_each  = var.secrets
  secret_id = "fairlead-${var.environment}-${each.key}"
  labels    = var.labels

  replication {
    user_managed {
      replicas {
        location = var.region
        customer_managed_encryption {
          kms_key_name = google_kms_crypto_key.this.id
        }
      }
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agents]
}
