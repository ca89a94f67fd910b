output "id" {
  description = "What the service account is annotated with."
  value       = aws_iam_role.this.arn
}
