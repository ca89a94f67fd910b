# model_deployments.csv: a row is one model that the pool may call in one region. Rows of several regions make the pool outlive one of them.

locals {
  model_deployment_columns = [
    "name", "environment", "region", "model", "version", "capacity", "priority", "public", "owner", "cost_center",
  ]

  model_deployment_rules = {
    region = {
      column = "region"
      says   = "must be one of ${join(", ", local.regions)}"
      broken = [for row in local.rows.model_deployments : row if !contains(local.regions, row.region)]
    }
    model = {
      column = "model"
      says   = "must be one of ${join(", ", local.models)}"
      broken = [for row in local.rows.model_deployments : row if !contains(local.models, row.model)]
    }
    version = {
      column = "version"
      says   = "must be the model's version as the cloud names it: with none or latest, answers would change by themselves"
      broken = [for row in local.rows.model_deployments : row if !can(regex("^[0-9A-Za-z][0-9A-Za-z.-]*$", row.version)) || lower(row.version) == "latest"]
    }
    capacity = {
      column = "capacity"
      says   = "must be a whole number from 1 to 5000, in thousands of tokens a minute"
      broken = [
        for row in local.rows.model_deployments : row
        if !can(regex("^[0-9]+$", row.capacity)) ? true : tonumber(row.capacity) < 1 || tonumber(row.capacity) > 5000
      ]
    }
    priority = {
      column = "priority"
      says   = "must be a digit, 0 to 9: the pool tries the lower one first"
      broken = [for row in local.rows.model_deployments : row if !can(regex("^[0-9]$", row.priority))]
    }
    public = {
      column = "public"
      says   = "must be false, or true to let the model's account be reached over the internet, which prod may not have"
      broken = [
        for row in local.rows.model_deployments : row
        if !contains(local.booleans, row.public) || (row.environment == "prod" && row.public == "true")
      ]
    }
    once = {
      column = "model"
      says   = "must be in an environment's region once: raise the capacity of the other row instead"
      broken = [
        for row in local.rows.model_deployments : row
        if length([
          for other in local.rows.model_deployments : other
          if other.environment == row.environment && other.region == row.region && other.model == row.model && other.version == row.version
        ]) > 1
      ]
    }
  }

  model_deployments = {
    for row in local.rows.model_deployments : row.name => {
      name        = row.name
      environment = row.environment
      region      = row.region
      model       = row.model
      version     = row.version
      capacity    = try(tonumber(row.capacity), 0)
      priority    = try(tonumber(row.priority), 0)
      public      = row.public == "true"
      tags        = local.tags.model_deployments[row.name][0]
    }... if row.environment == var.environment
  }
}
