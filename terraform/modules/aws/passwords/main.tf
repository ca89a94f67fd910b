# A database's passwords: made, put into the vault and read back from there, so neither plan nor state ever holds one. They
# are in the vault before the database is made: a run that breaks off leaves no database that nobody has the password of.

locals {
  values = jsondecode(ephemeral.aws_secretsmanager_secret_version.this.secret_string)
}

ephemeral "aws_secretsmanager_random_password" "this" {
  for_each            = toset(["superuser", "owner", "app", "mlflow"])
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "this" {
  name                    = "${var.name}-passwords"
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.deletion_protection ? 30 : 0
  tags                    = var.tags
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id                = aws_secretsmanager_secret.this.id
  secret_string_wo         = jsonencode({ for user, password in ephemeral.aws_secretsmanager_random_password.this : user => password.random_password })
  secret_string_wo_version = var.password_version
}

ephemeral "aws_secretsmanager_secret_version" "this" {
  secret_id  = aws_secretsmanager_secret_version.this.secret_id
  version_id = aws_secretsmanager_secret_version.this.version_id
}
