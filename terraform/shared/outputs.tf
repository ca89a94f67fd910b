output "cluster_secrets" {
  description = "The Argo CD cluster secret of each cluster: `make bootstrap CLUSTER=…` applies it."
  value       = { for name, bridge in module.bridge : name => bridge.secret }
}

output "vault_access" {
  description = "What External Secrets reads each cluster's vault with: `make bootstrap CLUSTER=…` applies it."
  value       = { for name, bridge in module.bridge : name => bridge.vault_access }
}

output "facts" {
  description = "What the secret's annotations say, for each cluster."
  value       = local.facts
}

output "models" {
  description = "The endpoints of model deployments, for the pool's configuration."
  value       = { for name, model in local.made.models : name => model.endpoint }
}

output "name_servers" {
  description = "Where each cluster's domain must be delegated to."
  value       = { for name, dns in local.made.dns : name => dns.name_servers }
}

output "kubeconfig" {
  description = "The command that lets kubectl reach each cluster."
  value       = local.kubeconfig
}

output "next" {
  description = "What to run next."
  value       = [for name in keys(local.rows.clusters) : "make bootstrap CLUSTER=${name} CLOUD=${local.cloud} ENV=${var.environment}"]
}
