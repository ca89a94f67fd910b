output "endpoint" {
  description = "What the pool's configuration needs of it."
  value = {
    url      = "https://bedrock-runtime.${var.deployment.region}.amazonaws.com/openai/v1"
    kind     = "openai"
    model    = var.deployment.model
    tpm      = var.deployment.capacity * 1000
    priority = var.deployment.priority
  }
}

output "id" {
  description = "The policy that lets an identity ask it."
  value       = aws_iam_policy.invoke.arn
}
