output "name" {
  description = "The cluster's name in AWS."
  value       = aws_eks_cluster.this.name
}

output "issuer_arn" {
  description = "The identity provider that service accounts' tokens are checked with."
  value       = aws_iam_openid_connect_provider.this.arn
}

output "issuer" {
  description = "The issuer of service accounts' tokens, without https://."
  value       = replace(aws_iam_openid_connect_provider.this.url, "https://", "")
}
