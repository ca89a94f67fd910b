output "host" {
  description = "The server's address in the network."
  value       = google_sql_database_instance.this.private_ip_address
}

output "secret" {
  description = "The vault's name of the secret whose keys are those of the charts' Secret fairlead-database."
  value       = google_secret_manager_secret.this.secret_id
}
