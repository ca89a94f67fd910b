# A database's passwords: made, put into the vault and read back from there, so neither plan nor state ever holds one. They
# are in the vault before the database is made: a run that breaks off leaves no database that nobody has the password of.

locals {
  values = jsondecode(ephemeral.google_secret_manager_secret_version.this.secret_data)
}

ephemeral "random_password" "this" {
  for_each    = toset(["superuser", "owner", "app", "mlflow"])
  length      = 40
  special     = false
  min_lower   = 1
  min_upper   = 1
  min_numeric = 1
}

resource "google_secret_manager_secret" "this" {
  secret_id = "${var.name}-passwords"
  labels    = var.labels

  replication {
    user_managed {
      replicas {
        location = var.region
        customer_managed_encryption {
          kms_key_name = var.key_id
        }
      }
    }
  }
}

resource "google_secret_manager_secret_version" "this" {
  secret                 = google_secret_manager_secret.this.id
  secret_data_wo         = jsonencode({ for user, password in ephemeral.random_password.this : user => password.result })
  secret_data_wo_version = var.password_version
}

ephemeral "google_secret_manager_secret_version" "this" {
  secret  = google_secret_manager_secret_version.this.secret
  version = google_secret_manager_secret_version.this.version
}
