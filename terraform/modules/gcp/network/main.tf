# A private network: nodes have no public address and leave by NAT; the database is reached by a peered range. The firewall
# rules of the inventory apply to the nodes by their tag.

locals {
  name = "fairlead-${var.name}"
}

resource "google_compute_network" "this" {
  name                    = local.name
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "nodes" {
  name                     = local.name
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = cidrsubnet(var.cidr, 2, 0)
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = cidrsubnet(var.cidr, 1, 1)
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = cidrsubnet(var.cidr, 4, 4)
  }
  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.5
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_router" "this" {
  name    = local.name
  region  = var.region
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  name                               = local.name
  region                             = var.region
  router                             = google_compute_router.this.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

resource "google_compute_firewall" "inventory" {
  for_each           = var.rules
  name               = "fairlead-${each.key}"
  description        = each.value.description
  network            = google_compute_network.this.id
  direction          = upper(each.value.direction)
  priority           = each.value.priority
  source_ranges      = each.value.direction == "ingress" ? [each.value.cidr] : null
  destination_ranges = each.value.direction == "egress" ? [each.value.cidr] : null
  target_tags        = [local.name]

  allow {
    protocol = each.value.protocol
    ports    = [each.value.ports]
  }
  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

# Google's default lets everything out. Beside what the rows say, nodes reach their own network, and HTTPS.
resource "google_compute_firewall" "inside" {
  name               = "${local.name}-out-inside"
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  priority           = 4001
  destination_ranges = [var.cidr, "${google_compute_global_address.services.address}/${google_compute_global_address.services.prefix_length}"]
  target_tags        = [local.name]

  allow {
    protocol = "all"
  }
}

resource "google_compute_firewall" "https" {
  name               = "${local.name}-out-https"
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  priority           = 4002
  destination_ranges = ["0.0.0.0/0"]
  target_tags        = [local.name]

  allow {
    protocol = "tcp"
    ports    = ["443"]
  }
}

resource "google_compute_firewall" "nothing_else" {
  name               = "${local.name}-out-nothing-else"
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  priority           = 4096
  destination_ranges = ["0.0.0.0/0"]
  target_tags        = [local.name]

  deny {
    protocol = "all"
  }
}

resource "google_compute_global_address" "services" {
  name          = "${local.name}-services"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = google_compute_network.this.id
}

resource "google_service_networking_connection" "this" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}
