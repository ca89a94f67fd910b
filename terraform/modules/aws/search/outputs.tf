output "url" {
  description = "Where the cluster's services reach it."
  value       = "https://${aws_opensearch_domain.this.endpoint}"
}
