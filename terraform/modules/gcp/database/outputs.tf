output "host" {
  description = "The server's address in the network."
  value       = google_sql_database_instance.this.private_ip_address
}

output "secret" {
  description = "The secret whose keys are those of the charts' Secret fairlead-database: its name in the vault, without the prefix."
  value       = trimprefix(google_secret_manager_secret.this.secret_id, "fairlead-${var.database.environment}-")
}
