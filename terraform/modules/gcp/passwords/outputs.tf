output "values" {
  description = "The passwords by user: superuser, owner, app, mlflow. Ephemeral: never in a plan or a state."
  value       = local.values
  ephemeral   = true
}
