# The log sink of a cluster, and the alert before the month costs more than planned.

resource "azurerm_log_analytics_workspace" "this" {
  name                         = "fairlead-${var.name}"
  resource_group_name          = var.group
  location                     = var.region
  sku                          = "PerGB2018"
  retention_in_days            = var.retention_days
  local_authentication_enabled = false
  tags                         = var.tags
}

resource "azurerm_consumption_budget_resource_group" "this" {
  name              = "fairlead-${var.name}"
  resource_group_id = var.group_id
  amount            = var.monthly_budget
  time_grain        = "Monthly"

  time_period {
    start_date = "2026-01-01T00:00:00Z"
  }

  dynamic "notification" {
    for_each = { 80 = "Actual", 100 = "Forecasted" }
    content {
      operator       = "GreaterThan"
      threshold      = notification.key
      threshold_type = notification.value
      contact_emails = [var.owner]
    }
  }

  lifecycle {
    ignore_changes = [time_period] # Azure moves it to the month in which it was made
  }
}
