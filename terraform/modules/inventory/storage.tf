# storage.csv: a row is one bucket (Azure: a storage account with one container).

locals {
  storage_columns = ["name", "environment", "region", "purpose", "retention_days", "versioning", "public", "owner", "cost_center"]
  purposes        = ["files", "backups", "logs"]

  storage_rules = {
    region = {
      column = "region"
      says   = "must be one of ${join(", ", local.regions)}"
      broken = [for row in local.rows.storage : row if !contains(local.regions, row.region)]
    }
    home = {
      column = "region"
      says   = "must be ${var.region}, the environment's own region (the variable region)"
      broken = [
        for row in local.rows.storage : row
        if row.environment == var.environment && contains(local.regions, row.region) && row.region != var.region
      ]
    }
    purpose = {
      column = "purpose"
      says   = "must be one of ${join(", ", local.purposes)}"
      broken = [for row in local.rows.storage : row if !contains(local.purposes, row.purpose)]
    }
    retention = {
      column = "retention_days"
      says   = "must be a whole number up to 3650: old versions and logs go after so many days (7 or more for backups and files)"
      broken = [
        for row in local.rows.storage : row
        if !can(regex("^[0-9]+$", row.retention_days)) ? true : (
          tonumber(row.retention_days) > 3650 || tonumber(row.retention_days) < (row.purpose == "logs" ? 1 : 7)
        )
      ]
    }
    versioning = {
      column = "versioning"
      says   = "must be true or false, and true for files and backups: what is overwritten by mistake comes back"
      broken = [
        for row in local.rows.storage : row
        if !contains(local.booleans, row.versioning) || (row.purpose != "logs" && row.versioning != "true")
      ]
    }
    public = {
      column = "public"
      says   = "must be false, or true to let the endpoint be reached over the internet with a key, which only dev may have"
      broken = [
        for row in local.rows.storage : row
        if !contains(local.booleans, row.public) || (row.environment != "dev" && row.public == "true")
      ]
    }
  }

  storage = {
    for row in local.rows.storage : row.name => {
      name           = row.name
      environment    = row.environment
      region         = row.region
      purpose        = row.purpose
      retention_days = try(tonumber(row.retention_days), 0)
      versioning     = row.versioning == "true"
      public         = row.public == "true"
      tags           = local.tags.storage[row.name][0]
    }... if row.environment == var.environment
  }
}
