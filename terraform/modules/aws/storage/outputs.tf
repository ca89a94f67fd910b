output "url" {
  description = "What services take as the place of their objects."
  value       = "s3://${aws_s3_bucket.this.bucket}"
}

output "id" {
  description = "The bucket's ARN, for identities' grants."
  value       = aws_s3_bucket.this.arn
}
