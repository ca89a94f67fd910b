# Managed search (OpenSearch), for those whose index outgrows one database. Off by default. An account that never had one
# needs its service role once: aws iam create-service-linked-role --aws-service-name opensearchservice.amazonaws.com

locals {
  name  = "fairlead-${var.name}"
  nodes = { small = 1, medium = 3, large = 3 }[var.size]
}

resource "aws_security_group" "this" {
  name        = "${local.name}-search"
  description = "HTTPS from the nodes of the cluster"
  vpc_id      = var.network_id
  tags        = merge(var.tags, { Name = "${local.name}-search" })
}

resource "aws_vpc_security_group_ingress_rule" "nodes" {
  security_group_id            = aws_security_group.this.id
  description                  = "HTTPS from the nodes"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = var.client_security_group_id
  tags                         = merge(var.tags, { Name = "nodes" })
}

resource "aws_cloudwatch_log_resource_policy" "this" {
  policy_name = "${local.name}-search"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = ["logs:PutLogEvents", "logs:CreateLogStream"]
      Principal = { Service = "es.amazonaws.com" }
      Resource  = "${var.log_group_arn}:*"
    }]
  })
}

resource "aws_opensearch_domain" "this" {
  domain_name    = local.name
  engine_version = "OpenSearch_2.19"
  tags           = var.tags
  # Identities of this account, if their own policies say so too, from where the security group lets them in.
  access_policies = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "es:ESHttp*"
      Principal = { AWS = "arn:aws:iam::${var.account}:root" }
      Resource  = "arn:aws:es:${var.region}:${var.account}:domain/${local.name}/*"
    }]
  })

  cluster_config {
    instance_type            = { small = "t3.medium.search", medium = "r7g.large.search", large = "r7g.2xlarge.search" }[var.size]
    instance_count           = local.nodes
    zone_awareness_enabled   = local.nodes > 1
    dedicated_master_enabled = local.nodes > 1
    dedicated_master_count   = local.nodes > 1 ? 3 : null
    dedicated_master_type    = local.nodes > 1 ? "m7g.large.search" : null

    dynamic "zone_awareness_config" {
      for_each = local.nodes > 1 ? [3] : []
      content {
        availability_zone_count = zone_awareness_config.value
      }
    }
  }

  ebs_options {
    ebs_enabled = true
    volume_type = "gp3"
    volume_size = { small = 50, medium = 200, large = 1000 }[var.size]
  }

  vpc_options {
    subnet_ids         = slice(var.subnet_ids, 0, local.nodes)
    security_group_ids = [aws_security_group.this.id]
  }

  encrypt_at_rest {
    enabled    = true
    kms_key_id = var.key_arn
  }
  node_to_node_encryption {
    enabled = true
  }
  domain_endpoint_options {
    enforce_https       = true
    tls_security_policy = "Policy-Min-TLS-1-2-PFS-2023-10"
  }
  log_publishing_options {
    log_type                 = "ES_APPLICATION_LOGS"
    cloudwatch_log_group_arn = var.log_group_arn
  }

  depends_on = [aws_cloudwatch_log_resource_policy.this]
}
