output "zone_id" {
  description = "The zone, for identities that write records."
  value       = aws_route53_zone.this.arn
}

output "name_servers" {
  description = "Where the parent zone must delegate the domain to."
  value       = aws_route53_zone.this.name_servers
}

output "certificate" {
  description = "The certificate, for load balancers."
  value       = aws_acm_certificate.this.arn
}
