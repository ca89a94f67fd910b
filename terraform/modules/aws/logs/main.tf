# The log sink of a cluster and its network, and the alert before the month costs more than planned.

resource "aws_cloudwatch_log_group" "this" {
  for_each = {
    network       = "/fairlead/${var.name}/network"
    search        = "/fairlead/${var.name}/search"
    control_plane = "/aws/eks/fairlead-${var.name}/cluster" # the name that EKS itself would make, without retention
  }
  name              = each.value
  retention_in_days = var.retention_days
  kms_key_id        = var.key_arn
  tags              = var.tags
}

resource "aws_budgets_budget" "this" {
  name         = "fairlead-${var.name}"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = ["user:environment$${var.tags.environment}"]
  }

  dynamic "notification" {
    for_each = { 80 = "ACTUAL", 100 = "FORECASTED" }
    content {
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.key
      threshold_type             = "PERCENTAGE"
      notification_type          = notification.value
      subscriber_email_addresses = [var.owner]
    }
  }
}
