# A private network: nodes leave by NAT, what Azure offers is reached by private endpoints, the database has a subnet of
# its own. The firewall rules of the inventory are rules of the nodes' security group.

locals {
  name = "fairlead-${var.name}"
  private_zones = {
    blob     = "privatelink.blob.core.windows.net"
    vault    = "privatelink.vaultcore.azure.net"
    registry = "privatelink.azurecr.io"
    account  = "privatelink.openai.azure.com"
    search   = "privatelink.search.windows.net"
    database = "fairlead-${var.name}.private.postgres.database.azure.com"
  }
}

resource "azurerm_virtual_network" "this" {
  name                = local.name
  resource_group_name = var.group
  location            = var.region
  address_space       = [var.cidr]
  tags                = var.tags
}

resource "azurerm_subnet" "nodes" {
  name                            = "nodes"
  resource_group_name             = var.group
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [cidrsubnet(var.cidr, 1, 0)]
  default_outbound_access_enabled = false
}

resource "azurerm_subnet" "endpoints" {
  name                              = "endpoints"
  resource_group_name               = var.group
  virtual_network_name              = azurerm_virtual_network.this.name
  address_prefixes                  = [cidrsubnet(var.cidr, 6, 32)]
  default_outbound_access_enabled   = false
  private_endpoint_network_policies = "Enabled"
}

resource "azurerm_subnet" "database" {
  name                            = "database"
  resource_group_name             = var.group
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [cidrsubnet(var.cidr, 6, 33)]
  default_outbound_access_enabled = false

  delegation {
    name = "postgres"
    service_delegation {
      name    = "Microsoft.DBforPostgreSQL/flexibleServers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_network_security_group" "nodes" {
  name                = "${local.name}-nodes"
  resource_group_name = var.group
  location            = var.region
  tags                = var.tags
}

resource "azurerm_network_security_rule" "inventory" {
  for_each                    = var.rules
  name                        = each.key
  description                 = each.value.description
  resource_group_name         = var.group
  network_security_group_name = azurerm_network_security_group.nodes.name
  priority                    = each.value.priority
  direction                   = title(each.value.direction) == "Ingress" ? "Inbound" : "Outbound"
  access                      = "Allow"
  protocol                    = title(each.value.protocol)
  source_port_range           = "*"
  destination_port_range      = each.value.ports
  source_address_prefix       = each.value.direction == "ingress" ? each.value.cidr : var.cidr
  destination_address_prefix  = each.value.direction == "ingress" ? var.cidr : each.value.cidr
}

# Azure's default lets everything out: only HTTPS leaves beside what the rows say. It lets nothing in from the internet.
resource "azurerm_network_security_rule" "https" {
  name                        = "https-out"
  description                 = "HTTPS to registries, models and the cloud itself"
  resource_group_name         = var.group
  network_security_group_name = azurerm_network_security_group.nodes.name
  priority                    = 4001
  direction                   = "Outbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_port_range           = "*"
  destination_port_range      = "443"
  source_address_prefix       = var.cidr
  destination_address_prefix  = "Internet"
}

resource "azurerm_network_security_rule" "nothing_else" {
  name                        = "nothing-else-out"
  description                 = "What no row lets out stays in"
  resource_group_name         = var.group
  network_security_group_name = azurerm_network_security_group.nodes.name
  priority                    = 4096
  direction                   = "Outbound"
  access                      = "Deny"
  protocol                    = "*"
  source_port_range           = "*"
  destination_port_range      = "*"
  source_address_prefix       = "*"
  destination_address_prefix  = "Internet"
}

resource "azurerm_subnet_network_security_group_association" "this" {
  for_each                  = { nodes = azurerm_subnet.nodes.id, endpoints = azurerm_subnet.endpoints.id }
  subnet_id                 = each.value
  network_security_group_id = azurerm_network_security_group.nodes.id
}

resource "azurerm_public_ip" "nat" {
  name                = "${local.name}-nat"
  resource_group_name = var.group
  location            = var.region
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = var.zones == 1 ? ["1"] : ["1", "2", "3"]
  tags                = var.tags
}

resource "azurerm_nat_gateway" "this" {
  name                = local.name
  resource_group_name = var.group
  location            = var.region
  sku_name            = "Standard"
  tags                = var.tags
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  nat_gateway_id       = azurerm_nat_gateway.this.id
  public_ip_address_id = azurerm_public_ip.nat.id
}

resource "azurerm_subnet_nat_gateway_association" "nodes" {
  subnet_id      = azurerm_subnet.nodes.id
  nat_gateway_id = azurerm_nat_gateway.this.id
}

resource "azurerm_private_dns_zone" "this" {
  for_each            = local.private_zones
  name                = each.value
  resource_group_name = var.group
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each            = azurerm_private_dns_zone.this
  name                = local.name
  private_dns_zone_id = each.value.id
  virtual_network_id  = azurerm_virtual_network.this.id
  tags                = var.tags
}
