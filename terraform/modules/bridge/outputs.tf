output "secret" {
  description = "The cluster secret's manifest. It holds no credential: Argo CD runs in the cluster."
  value       = local.secret
}
