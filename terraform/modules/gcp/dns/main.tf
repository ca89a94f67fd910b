# The cluster's DNS zone, and a certificate for the domain and what is one level below it, proved by a record in the zone.

resource "google_dns_managed_zone" "this" {
  name        = "fairlead-${var.name}"
  dns_name    = "${var.domain}."
  description = "Fairlead"
  labels      = var.labels

  dnssec_config {
    state = "on"
    default_key_specs {
      algorithm = "rsasha256"
      key_type  = "keySigning"
    }
    default_key_specs {
      algorithm = "rsasha256"
      key_type  = "zoneSigning"
    }
  }
}

resource "google_certificate_manager_dns_authorization" "this" {
  name   = "fairlead-${var.name}"
  domain = var.domain
  labels = var.labels
}

resource "google_dns_record_set" "proof" {
  managed_zone = google_dns_managed_zone.this.name
  name         = google_certificate_manager_dns_authorization.this.dns_resource_record[0].name
  type         = google_certificate_manager_dns_authorization.this.dns_resource_record[0].type
  rrdatas      = [google_certificate_manager_dns_authorization.this.dns_resource_record[0].data]
  ttl          = 300
}

resource "google_certificate_manager_certificate" "this" {
  name   = "fairlead-${var.name}"
  labels = var.labels

  managed {
    domains            = [var.domain, "*.${var.domain}"]
    dns_authorizations = [google_certificate_manager_dns_authorization.this.id]
  }
}
