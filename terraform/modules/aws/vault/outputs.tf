output "prefix" {
  description = "What the names of this environment's secrets begin with."
  value       = "fairlead-${var.environment}/"
}

output "key_arn" {
  description = "The KMS key that the environment's data is encrypted with."
  value       = aws_kms_key.this.arn
}

output "read_policy_arn" {
  description = "The policy that lets an identity read the secrets."
  value       = aws_iam_policy.read.arn
}
