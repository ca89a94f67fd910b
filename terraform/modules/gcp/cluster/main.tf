# A GKE cluster with a node pool for the system, one for the platform and, where the row says gpu, one for models.

locals {
  name = "fairlead-${var.cluster.name}"
  pools = {
    for name, pool in {
      system  = { type = { small = "n2-standard-2", medium = "n2-standard-2", large = "n2-standard-4" }[var.cluster.size], least = 1, most = 1 }
      general = { type = { small = "n2-standard-2", medium = "n2-standard-4", large = "n2-standard-8" }[var.cluster.size], least = { small = 1, medium = 1, large = 2 }[var.cluster.size], most = { small = 1, medium = 2, large = 4 }[var.cluster.size] }
      gpu     = { type = { small = "g2-standard-4", medium = "g2-standard-8", large = "g2-standard-48" }[var.cluster.size], least = 0, most = 1 }
    } : name => pool if name != "gpu" || var.cluster.gpu
  }
}

resource "google_service_account" "nodes" {
  account_id   = "fl-${var.cluster.name}-nodes"
  display_name = "Nodes of ${var.cluster.name}"
}

resource "google_project_iam_member" "nodes" {
  for_each = toset(["roles/logging.logWriter", "roles/monitoring.metricWriter", "roles/artifactregistry.reader"])
  project  = var.project
  role     = each.key
  member   = "serviceAccount:${google_service_account.nodes.email}"
}

resource "google_container_cluster" "this" {
  name                        = local.name
  location                    = var.region
  min_master_version          = var.cluster.kubernetes_version
  network                     = var.network_id
  subnetwork                  = var.subnet_id
  remove_default_node_pool    = true
  initial_node_count          = 1
  deletion_protection         = var.deletion_protection
  enable_intranode_visibility = true
  enable_shielded_nodes       = true
  datapath_provider           = "ADVANCED_DATAPATH"
  resource_labels             = var.labels

  # The pool that is made and removed at once, too, gets the nodes' own account and nothing old.
  node_config {
    service_account = google_service_account.nodes.email
    tags            = [var.tag]
    metadata        = { disable-legacy-endpoints = "true" }
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  release_channel {
    channel = "REGULAR"
  }
  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }
  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = !var.cluster.public
  }
  # The API answers this network; with a public endpoint, whoever has an identity that may.
  master_authorized_networks_config {
    cidr_blocks {
      cidr_block   = var.cluster.cidr
      display_name = "the cluster's own network"
    }
  }
  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }
  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }
  database_encryption {
    state    = "ENCRYPTED"
    key_name = var.key_id
  }
  binary_authorization {
    evaluation_mode = "PROJECT_SINGLETON_POLICY_ENFORCE"
  }
  logging_config {
    enable_components = ["SYSTEM_COMPONENTS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER"]
  }

  lifecycle {
    ignore_changes = [node_config, initial_node_count, min_master_version] # the pool is gone; the channel upgrades
  }
}

resource "google_container_node_pool" "this" {
  for_each           = local.pools
  name               = each.key
  cluster            = google_container_cluster.this.id
  initial_node_count = each.value.least

  # In each of the region's three zones.
  autoscaling {
    min_node_count = each.value.least
    max_node_count = each.value.most
  }
  management {
    auto_repair  = true
    auto_upgrade = true
  }
  node_config {
    machine_type    = each.value.type
    disk_type       = "pd-balanced"
    disk_size_gb    = 100
    image_type      = "COS_CONTAINERD"
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    tags            = [var.tag]
    labels          = { "fairlead.dev/pool" = each.key }
    metadata        = { disable-legacy-endpoints = "true" }
    resource_labels = var.labels

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
    dynamic "taint" {
      for_each = each.key == "gpu" ? ["nvidia.com/gpu"] : []
      content {
        key    = taint.value
        value  = "true"
        effect = "NO_SCHEDULE"
      }
    }
  }

  lifecycle {
    ignore_changes = [initial_node_count]
  }

  depends_on = [google_project_iam_member.nodes]
}
