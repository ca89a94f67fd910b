# A managed PostgreSQL (Cloud SQL has pgvector in it), with an address in the private network alone, by TLS.

locals {
  name   = "fairlead-${var.database.name}"
  users  = { superuser = "fairlead_admin", owner = "fairlead_owner", app = "fairlead_app", mlflow = "mlflow" }
  server = "${google_sql_database_instance.this.private_ip_address}:5432"
}

resource "google_sql_database_instance" "this" {
  name                = local.name
  region              = var.region
  database_version    = "POSTGRES_${var.database.version}"
  encryption_key_name = var.key_id
  deletion_protection = var.deletion_protection

  settings {
    edition                     = "ENTERPRISE"
    tier                        = { small = "db-custom-2-8192", medium = "db-custom-4-16384", large = "db-custom-8-65536" }[var.database.size]
    availability_type           = var.database.high_availability ? "REGIONAL" : "ZONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = var.database.storage_gb
    disk_autoresize             = true
    deletion_protection_enabled = var.deletion_protection
    user_labels                 = var.labels

    ip_configuration {
      ipv4_enabled    = false
      private_network = var.network_id
      ssl_mode        = "ENCRYPTED_ONLY"
    }
    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7
      backup_retention_settings {
        retained_backups = var.database.backup_days
      }
    }
    insights_config {
      query_insights_enabled = true
    }

    dynamic "database_flags" {
      for_each = {
        log_checkpoints               = "on"
        log_connections               = "on"
        log_disconnections            = "on"
        log_duration                  = "on"
        log_hostname                  = "on"
        log_lock_waits                = "on"
        log_min_duration_statement    = "1000"
        log_min_messages              = "error"
        log_statement                 = "ddl"
        "cloudsql.enable_pgaudit"     = "on"
        "cloudsql.iam_authentication" = "on"
      }
      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }
  }

  lifecycle {
    ignore_changes = [settings[0].disk_size] # it grows by itself
  }
}

# Google's superuser may make roles and extensions, which is all that is asked of it.
resource "google_sql_user" "superuser" {
  name                = local.users.superuser
  instance            = google_sql_database_instance.this.name
  password_wo         = var.passwords.superuser
  password_wo_version = var.password_version
  deletion_policy     = "ABANDON"
}

# What the charts' Secret fairlead-database holds, key for key.
resource "google_secret_manager_secret" "this" {
  secret_id = "fairlead-${var.database.environment}-${var.database.name}-database"
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
  secret = google_secret_manager_secret.this.id
  secret_data_wo = jsonencode({
    "superuser-password" = var.passwords.superuser
    "owner-password"     = var.passwords.owner
    "app-password"       = var.passwords.app
    "mlflow-password"    = var.passwords.mlflow
    "superuser-url"      = "postgresql://${local.users.superuser}:${var.passwords.superuser}@${local.server}/postgres?sslmode=require"
    "owner-url"          = "postgresql://${local.users.owner}:${var.passwords.owner}@${local.server}/fairlead?sslmode=require"
    "url"                = "postgresql://${local.users.app}:${var.passwords.app}@${local.server}/fairlead?sslmode=require"
    "mlflow-url"         = "postgresql://${local.users.mlflow}:${var.passwords.mlflow}@${local.server}/mlflow?sslmode=require"
  })
  secret_data_wo_version = var.password_version
}
