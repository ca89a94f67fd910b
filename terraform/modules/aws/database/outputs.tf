output "host" {
  description = "The server's name in the network."
  value       = aws_db_instance.this.address
}

output "secret" {
  description = "The secret whose keys are those of the charts' Secret fairlead-database: its name in the vault, without the prefix."
  value       = trimprefix(aws_secretsmanager_secret.this.name, "fairlead-${var.database.environment}/")
}
