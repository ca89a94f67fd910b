# identities.csv: a row lets one Kubernetes service account do what `access` lists in the cloud, without a key.
# access: grants with a space between: vault:read, models:invoke, dns:write, storage:<name>:read, storage:<name>:write.

locals {
  identity_columns = [
    "name", "environment", "cluster", "purpose", "namespace", "service_account", "access", "owner", "cost_center",
  ]
  identity_purposes = ["external-secrets", "external-dns", "llm-proxy", "ingestion", "orchestrator", "vector-store"]
  grant_pattern     = "^(vault:read|models:invoke|dns:write|storage:[a-z0-9-]+:(read|write))$"

  identity_rules = {
    cluster = {
      column = "cluster"
      says   = "must be the name of a row of ${local.file.clusters} with the same environment"
      broken = [
        for row in local.rows.identities : row
        if local.header_fits.clusters && contains(local.environments, row.environment) && !contains([for cluster in local.rows.clusters : cluster.name if cluster.environment == row.environment], row.cluster)
      ]
    }
    purpose = {
      column = "purpose"
      says   = "must be one of ${join(", ", local.identity_purposes)}, once in a cluster"
      broken = [
        for row in local.rows.identities : row
        if !contains(local.identity_purposes, row.purpose) || length([
          for other in local.rows.identities : other if other.cluster == row.cluster && other.purpose == row.purpose
        ]) > 1
      ]
    }
    namespace = {
      column = "namespace"
      says   = "must be a Kubernetes namespace, and not default or kube-…: whoever may make a pod there would have this access"
      broken = [
        for row in local.rows.identities : row
        if !can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", row.namespace)) || row.namespace == "default" || startswith(row.namespace, "kube-")
      ]
    }
    service_account = {
      column = "service_account"
      says   = "must be a Kubernetes service account of its own, not default"
      broken = [
        for row in local.rows.identities : row
        if !can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", row.service_account)) || row.service_account == "default"
      ]
    }
    subject = {
      column = "service_account"
      says   = "must be in its namespace and cluster once: put the grants into one row"
      broken = [
        for row in local.rows.identities : row
        if length([
          for other in local.rows.identities : other
          if other.cluster == row.cluster && other.namespace == row.namespace && other.service_account == row.service_account
        ]) > 1
      ]
    }
    access = {
      column = "access"
      says   = "must be one or more of vault:read, models:invoke, dns:write, storage:<name>:read, storage:<name>:write, each once, with a space between"
      broken = [
        for row in local.rows.identities : row
        if !alltrue([for grant in split(" ", row.access) : can(regex(local.grant_pattern, grant))]) || length(split(" ", row.access)) != length(distinct(split(" ", row.access)))
      ]
    }
    storage = {
      column = "access"
      says   = "must name storage that is a row of ${local.file.storage} with the same environment"
      broken = [
        for row in local.rows.identities : row
        if local.header_fits.storage && contains(local.environments, row.environment) && !alltrue([
          for grant in split(" ", row.access) : contains(
            [for storage in local.rows.storage : storage.name if storage.environment == row.environment], try(split(":", grant)[1], "")
          ) if startswith(grant, "storage:")
        ])
      ]
    }
  }

  identities = {
    for row in local.rows.identities : row.name => {
      name            = row.name
      environment     = row.environment
      cluster         = row.cluster
      purpose         = row.purpose
      namespace       = row.namespace
      service_account = row.service_account
      vault           = contains(split(" ", row.access), "vault:read")
      models          = contains(split(" ", row.access), "models:invoke")
      dns             = contains(split(" ", row.access), "dns:write")
      storage         = { for grant in split(" ", row.access) : split(":", grant)[1] => split(":", grant)[2]... if can(regex("^storage:.+:", grant)) }
      tags            = local.tags.identities[row.name][0]
    }... if row.environment == var.environment
  }
}
