output "rows" {
  description = "The environment's rows by table and name, typed, each with its tags. Fails with every broken rule, its file and its row."
  value = {
    clusters          = { for name, rows in local.clusters : name => rows[0] }
    model_deployments = { for name, rows in local.model_deployments : name => rows[0] }
    databases         = { for name, rows in local.databases : name => rows[0] }
    storage           = { for name, rows in local.storage : name => rows[0] }
    firewall_rules    = { for name, rows in local.firewall_rules : name => rows[0] }
    identities        = { for name, rows in local.identities : name => rows[0] }
  }

  precondition {
    condition     = length(local.problems) == 0
    error_message = "The inventory breaks ${length(local.problems)} rule(s):\n${join("\n", local.problems)}"
  }
}
