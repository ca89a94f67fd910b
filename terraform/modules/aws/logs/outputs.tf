output "sink" {
  description = "Where the cluster's logs are."
  value       = aws_cloudwatch_log_group.this["control_plane"].name
}

output "network_arn" {
  description = "Where the network's connections are logged."
  value       = aws_cloudwatch_log_group.this["network"].arn
}

output "search_arn" {
  description = "Where managed search logs."
  value       = aws_cloudwatch_log_group.this["search"].arn
}
