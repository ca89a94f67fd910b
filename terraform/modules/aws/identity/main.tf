# What one service account may do in AWS: a role that only its token can take, with exactly the row's grants.

locals {
  read  = ["s3:GetObject", "s3:ListBucket"]
  write = ["s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
}

resource "aws_iam_role" "this" {
  name = "fairlead-${var.identity.name}"
  tags = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.issuer_arn }
      Condition = { StringEquals = {
        "${var.issuer}:sub" = "system:serviceaccount:${var.identity.namespace}:${var.identity.service_account}"
        "${var.issuer}:aud" = "sts.amazonaws.com"
      } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "vault" {
  count      = var.identity.vault ? 1 : 0
  role       = aws_iam_role.this.name
  policy_arn = var.vault_policy_arn
}

resource "aws_iam_role_policy_attachment" "models" {
  for_each   = var.identity.models ? var.model_policy_arns : {}
  role       = aws_iam_role.this.name
  policy_arn = each.value
}

resource "aws_iam_role_policy" "storage" {
  for_each = var.identity.storage
  name     = "storage-${each.key}"
  role     = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = contains(each.value, "write") ? local.write : local.read
        Resource = [var.storage_ids[each.key], "${var.storage_ids[each.key]}/*"]
      },
      { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = var.key_arn },
    ]
  })
}

resource "aws_iam_role_policy" "dns" {
  count = var.identity.dns ? 1 : 0
  name  = "dns"
  role  = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"], Resource = var.zone_id },
      { Effect = "Allow", Action = ["route53:ListHostedZones"], Resource = "*" },
    ]
  })
}
