# Access to one Bedrock model in one region. Bedrock has no deployments: the row's capacity is what the pool itself keeps to.

resource "aws_iam_policy" "invoke" {
  name        = "fairlead-${var.deployment.name}-invoke"
  description = "Ask ${var.deployment.model} in ${var.deployment.region}"
  tags        = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
      Resource = "arn:aws:bedrock:${var.deployment.region}::foundation-model/${var.deployment.model}"
    }]
  })
}
