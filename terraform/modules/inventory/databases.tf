# databases.csv: a row is one managed PostgreSQL with pgvector, in the network of a cluster.

locals {
  database_columns = [
    "name", "environment", "cluster", "version", "size", "storage_gb", "high_availability", "backup_days", "public", "owner",
    "cost_center",
  ]

  database_rules = {
    cluster = {
      column = "cluster"
      says   = "must be the name of a row of ${local.file.clusters} with the same environment"
      broken = [
        for row in local.rows.databases : row
        if local.header_fits.clusters && contains(local.environments, row.environment) && !contains([for cluster in local.rows.clusters : cluster.name if cluster.environment == row.environment], row.cluster)
      ]
    }
    version = {
      column = "version"
      says   = "must be one of ${join(", ", local.postgres_versions)}"
      broken = [for row in local.rows.databases : row if !contains(local.postgres_versions, row.version)]
    }
    size = {
      column = "size"
      says   = "must be one of ${join(", ", local.sizes)}"
      broken = [for row in local.rows.databases : row if !contains(local.sizes, row.size)]
    }
    # Azure grows disks in these steps only; the others take any of them.
    storage = {
      column = "storage_gb"
      says   = "must be 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192 or 16384"
      broken = [
        for row in local.rows.databases : row
        if !contains(["32", "64", "128", "256", "512", "1024", "2048", "4096", "8192", "16384"], row.storage_gb)
      ]
    }
    availability = {
      column = "high_availability"
      says   = "must be true or false, and true in prod"
      broken = [
        for row in local.rows.databases : row
        if !contains(local.booleans, row.high_availability) || (row.environment == "prod" && row.high_availability != "true")
      ]
    }
    backup = {
      column = "backup_days"
      says   = "must be a whole number from 7 to 35"
      broken = [
        for row in local.rows.databases : row
        if !can(regex("^[0-9]+$", row.backup_days)) ? true : tonumber(row.backup_days) < 7 || tonumber(row.backup_days) > 35
      ]
    }
    public = {
      column = "public"
      says   = "must be false: documents are in it, and the cluster is in the same network"
      broken = [for row in local.rows.databases : row if row.public != "false"]
    }
  }

  databases = {
    for row in local.rows.databases : row.name => {
      name              = row.name
      environment       = row.environment
      cluster           = row.cluster
      version           = row.version
      size              = row.size
      storage_gb        = try(tonumber(row.storage_gb), 0)
      high_availability = row.high_availability == "true"
      backup_days       = try(tonumber(row.backup_days), 0)
      tags              = local.tags.databases[row.name][0]
    }... if row.environment == var.environment
  }
}
