# A managed PostgreSQL (RDS has pgvector in it), reached by the cluster's nodes alone, by TLS.

locals {
  name       = "fairlead-${var.database.name}"
  vault_name = "fairlead-${var.database.environment}/${var.database.name}"
  users      = { superuser = "fairlead_admin", owner = "fairlead_owner", app = "fairlead_app", mlflow = "mlflow" }
  server     = "${aws_db_instance.this.address}:5432"
}

resource "aws_db_subnet_group" "this" {
  name       = local.name
  subnet_ids = var.subnet_ids
  tags       = var.tags
}

resource "aws_security_group" "this" {
  name        = "${local.name}-database"
  description = "PostgreSQL from the nodes of the cluster"
  vpc_id      = var.network_id
  tags        = merge(var.tags, { Name = "${local.name}-database" })
}

resource "aws_vpc_security_group_ingress_rule" "nodes" {
  security_group_id            = aws_security_group.this.id
  description                  = "PostgreSQL from the nodes"
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  referenced_security_group_id = var.client_security_group_id
  tags                         = merge(var.tags, { Name = "nodes" })
}

resource "aws_db_parameter_group" "this" {
  name   = local.name
  family = "postgres${var.database.version}"
  tags   = var.tags

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
}

resource "aws_iam_role" "monitoring" {
  name = "${local.name}-monitoring"
  tags = var.tags
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "monitoring.rds.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_instance" "this" {
  identifier                          = local.name
  engine                              = "postgres"
  engine_version                      = var.database.version
  instance_class                      = { small = "db.t4g.medium", medium = "db.m7g.large", large = "db.r7g.2xlarge" }[var.database.size]
  allocated_storage                   = var.database.storage_gb
  storage_type                        = "gp3"
  storage_encrypted                   = true
  kms_key_id                          = var.key_arn
  username                            = local.users.superuser
  password_wo                         = var.passwords.superuser
  password_wo_version                 = var.password_version
  multi_az                            = var.database.high_availability
  db_subnet_group_name                = aws_db_subnet_group.this.name
  vpc_security_group_ids              = [aws_security_group.this.id]
  parameter_group_name                = aws_db_parameter_group.this.name
  publicly_accessible                 = false
  iam_database_authentication_enabled = true
  backup_retention_period             = var.database.backup_days
  copy_tags_to_snapshot               = true
  auto_minor_version_upgrade          = true
  monitoring_interval                 = 60
  monitoring_role_arn                 = aws_iam_role.monitoring.arn
  performance_insights_enabled        = true
  performance_insights_kms_key_id     = var.key_arn
  enabled_cloudwatch_logs_exports     = ["postgresql", "upgrade"]
  deletion_protection                 = var.deletion_protection
  skip_final_snapshot                 = !var.deletion_protection
  final_snapshot_identifier           = "${local.name}-final"
  tags                                = var.tags
}

# What the charts' Secret fairlead-database holds, key for key.
resource "aws_secretsmanager_secret" "this" {
  name                    = "${local.vault_name}-database"
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.deletion_protection ? 30 : 0
  tags                    = var.tags
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id = aws_secretsmanager_secret.this.id
  secret_string_wo = jsonencode({
    "superuser-password" = var.passwords.superuser
    "owner-password"     = var.passwords.owner
    "app-password"       = var.passwords.app
    "mlflow-password"    = var.passwords.mlflow
    "superuser-url"      = "postgresql://${local.users.superuser}:${var.passwords.superuser}@${local.server}/postgres?sslmode=require"
    "owner-url"          = "postgresql://${local.users.owner}:${var.passwords.owner}@${local.server}/fairlead?sslmode=require"
    "url"                = "postgresql://${local.users.app}:${var.passwords.app}@${local.server}/fairlead?sslmode=require"
    "mlflow-url"         = "postgresql://${local.users.mlflow}:${var.passwords.mlflow}@${local.server}/mlflow?sslmode=require"
  })
  secret_string_wo_version = var.password_version
}
