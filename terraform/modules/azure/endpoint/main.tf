# An address in a private network for something that Azure offers: what is not reached over the internet is reached by this.

resource "azurerm_private_endpoint" "this" {
  name                = var.name
  resource_group_name = var.group
  location            = var.region
  subnet_id           = var.subnet_id
  tags                = var.tags

  private_service_connection {
    name                           = var.name
    private_connection_resource_id = var.target_id
    subresource_names              = [var.kind]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [var.zone_id]
  }
}
