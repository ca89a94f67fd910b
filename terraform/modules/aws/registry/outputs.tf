output "url" {
  description = "What image names begin with."
  value       = "${split("/", values(aws_ecr_repository.this)[0].repository_url)[0]}/fairlead"
}
