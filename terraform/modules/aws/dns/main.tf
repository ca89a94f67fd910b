# The cluster's DNS zone, and a certificate for the domain and what is one level below it, proved by records in the zone.

resource "aws_route53_zone" "this" {
  name    = var.domain
  comment = "Fairlead"
  tags    = var.tags
}

resource "aws_acm_certificate" "this" {
  domain_name               = var.domain
  subject_alternative_names = ["*.${var.domain}"]
  validation_method         = "DNS"
  tags                      = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

# Keyed by what is known before the certificate is made; both names have the same record.
resource "aws_route53_record" "proof" {
  for_each = toset([var.domain])
  zone_id  = aws_route53_zone.this.zone_id
  name     = [for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_name if option.domain_name == each.key][0]
  type     = [for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_type if option.domain_name == each.key][0]
  records  = [[for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_value if option.domain_name == each.key][0]]
  ttl      = 300
}
