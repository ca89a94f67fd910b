# The cluster's DNS zone. Azure issues no certificate by itself: cert-manager does, with the identity that may write records.

resource "azurerm_dns_zone" "this" {
  name                = var.domain
  resource_group_name = var.group
  tags                = var.tags
}
