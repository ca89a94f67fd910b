output "secret" {
  description = "The cluster secret's manifest. It holds no credential: Argo CD runs in the cluster."
  value       = local.secret
}

output "vault_access" {
  description = "Manifests of the service account and the store that External Secrets reads the vault with; none where there is no vault."
  value       = local.vault_access
}
