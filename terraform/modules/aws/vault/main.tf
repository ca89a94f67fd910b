# The secret vault: a key that everything is encrypted with, and the places of secrets. Their values are never in the state.

resource "aws_kms_key" "this" {
  description             = "Fairlead ${var.environment}: secrets, buckets, databases, images, logs"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_protection ? 30 : 7
  tags                    = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Account", Effect = "Allow", Action = "kms:*", Resource = "*", Principal = { AWS = "arn:aws:iam::${var.account}:root" } },
      {
        Sid       = "Logs", Effect = "Allow", Resource = "*", Principal = { Service = "logs.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:*:${var.account}:*" } }
      },
    ]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/fairlead-${var.environment}"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_secretsmanager_secret" "this" {
  for_each                = var.secrets
  name                    = "fairlead-${var.environment}/${each.key}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.deletion_protection ? 30 : 0
  tags                    = var.tags
}

resource "aws_iam_policy" "read" {
  name = "fairlead-${var.environment}-vault-read"
  tags = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        Resource = "arn:aws:secretsmanager:*:${var.account}:secret:fairlead-${var.environment}/*"
      },
      { Effect = "Allow", Action = "kms:Decrypt", Resource = aws_kms_key.this.arn },
    ]
  })
}
