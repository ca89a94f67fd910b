output "name" {
  description = "The cluster's name in kind."
  value       = terraform_data.this.output.name
}

output "context" {
  description = "The context that kind writes into the kubeconfig."
  value       = "kind-${terraform_data.this.output.name}"
}
