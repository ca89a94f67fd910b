# An AKS cluster with a node pool for the system, one for the platform and, where the row says gpu, one for models.

locals {
  name   = "fairlead-${var.cluster.name}"
  system = { small = "Standard_D2ds_v5", medium = "Standard_D2ds_v5", large = "Standard_D4ds_v5" }[var.cluster.size]
  pools = {
    for name, pool in {
      general = { type = { small = "Standard_D2ds_v5", medium = "Standard_D4ds_v5", large = "Standard_D8ds_v5" }[var.cluster.size], least = { small = 1, medium = 3, large = 4 }[var.cluster.size], most = { small = 3, medium = 6, large = 12 }[var.cluster.size] }
      gpu     = { type = { small = "Standard_NC4as_T4_v3", medium = "Standard_NC8as_T4_v3", large = "Standard_NC24ads_A100_v4" }[var.cluster.size], least = 0, most = 2 }
    } : name => pool if name != "gpu" || var.cluster.gpu
  }
}

# Two identities: the cluster's own, and the nodes', which pulls images and nothing else.
resource "azurerm_user_assigned_identity" "this" {
  for_each            = toset(["control-plane", "nodes"])
  name                = "${local.name}-${each.key}"
  resource_group_name = var.group
  location            = var.region
  tags                = var.tags
}

resource "azurerm_role_assignment" "control_plane" {
  for_each = {
    "Managed Identity Operator" = azurerm_user_assigned_identity.this["nodes"].id
    "Network Contributor"       = var.subnet_id
  }
  scope                = each.value
  role_definition_name = each.key
  principal_id         = azurerm_user_assigned_identity.this["control-plane"].principal_id
}

resource "azurerm_role_assignment" "pull" {
  scope                            = var.registry_id
  role_definition_name             = "AcrPull"
  principal_id                     = azurerm_user_assigned_identity.this["nodes"].principal_id
  skip_service_principal_aad_check = true
}

resource "azurerm_kubernetes_cluster" "this" {
  name                                = local.name
  resource_group_name                 = var.group
  location                            = var.region
  dns_prefix                          = local.name
  kubernetes_version                  = var.cluster.kubernetes_version
  sku_tier                            = var.cluster.size == "small" ? "Free" : "Standard"
  private_cluster_enabled             = !var.cluster.public
  private_cluster_public_fqdn_enabled = false
  local_account_disabled              = true
  run_command_enabled                 = false
  oidc_issuer_enabled                 = true
  workload_identity_enabled           = true
  azure_policy_enabled                = true
  image_cleaner_enabled               = true
  image_cleaner_interval_hours        = 168
  automatic_upgrade_channel           = "patch"
  node_os_upgrade_channel             = "NodeImage"
  tags                                = var.tags

  default_node_pool {
    name                         = "system"
    vm_size                      = local.system
    vnet_subnet_id               = var.subnet_id
    auto_scaling_enabled         = true
    min_count                    = 2
    max_count                    = 3
    max_pods                     = 60
    os_disk_type                 = "Ephemeral"
    os_disk_size_gb              = 64
    host_encryption_enabled      = true
    only_critical_addons_enabled = true
    temporary_name_for_rotation  = "systemtmp"
    node_labels                  = { "fairlead.dev/pool" = "system" }
    zones                        = var.cluster.size == "small" ? ["1"] : ["1", "2", "3"]

    upgrade_settings {
      max_surge = "33%"
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this["control-plane"].id]
  }

  kubelet_identity {
    client_id                 = azurerm_user_assigned_identity.this["nodes"].client_id
    object_id                 = azurerm_user_assigned_identity.this["nodes"].principal_id
    user_assigned_identity_id = azurerm_user_assigned_identity.this["nodes"].id
  }

  # Which node pools there are is said here, not decided by Azure.
  node_provisioning_profile {
    mode = "Manual"
  }

  azure_active_directory_role_based_access_control {
    azure_rbac_enabled = true
    tenant_id          = var.tenant_id
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_policy      = "cilium"
    network_data_plane  = "cilium"
    outbound_type       = "userAssignedNATGateway"
    pod_cidr            = "100.64.0.0/14"
    service_cidr        = "100.68.0.0/16"
    dns_service_ip      = "100.68.0.10"
  }

  oms_agent {
    log_analytics_workspace_id      = var.workspace_id
    msi_auth_for_monitoring_enabled = true
  }

  depends_on = [azurerm_role_assignment.control_plane, azurerm_role_assignment.pull]

  lifecycle {
    ignore_changes = [kubernetes_version, default_node_pool[0].node_count] # patches and the autoscaler's
  }
}

resource "azurerm_kubernetes_cluster_node_pool" "this" {
  for_each                = local.pools
  name                    = each.key
  kubernetes_cluster_id   = azurerm_kubernetes_cluster.this.id
  vm_size                 = each.value.type
  vnet_subnet_id          = var.subnet_id
  auto_scaling_enabled    = true
  min_count               = each.value.least
  max_count               = each.value.most
  max_pods                = 60
  os_disk_type            = "Ephemeral"
  os_disk_size_gb         = 64
  host_encryption_enabled = true
  node_labels             = { "fairlead.dev/pool" = each.key }
  node_taints             = each.key == "gpu" ? ["nvidia.com/gpu=true:NoSchedule"] : []
  zones                   = var.cluster.size == "small" ? ["1"] : ["1", "2", "3"]
  tags                    = var.tags

  upgrade_settings {
    max_surge = "33%"
  }

  lifecycle {
    ignore_changes = [node_count]
  }
}

resource "azurerm_monitor_diagnostic_setting" "audit" {
  name                       = "audit"
  target_resource_id         = azurerm_kubernetes_cluster.this.id
  log_analytics_workspace_id = var.workspace_id

  dynamic "enabled_log" {
    for_each = toset(["kube-apiserver", "kube-audit-admin", "guard"])
    content {
      category = enabled_log.value
    }
  }
}
