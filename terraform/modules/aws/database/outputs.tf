output "host" {
  description = "The server's name in the network."
  value       = aws_db_instance.this.address
}

output "secret" {
  description = "The vault's name of the secret whose keys are those of the charts' Secret fairlead-database."
  value       = aws_secretsmanager_secret.this.name
}
