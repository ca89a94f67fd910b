# firewall_rules.csv: a row lets one kind of traffic into or out of a cluster's nodes. What no row lets in stays out.

locals {
  firewall_rule_columns = [
    "name", "environment", "cluster", "direction", "protocol", "ports", "cidr", "priority", "description", "owner", "cost_center",
  ]

  firewall_rule_rules = {
    cluster = {
      column = "cluster"
      says   = "must be the name of a row of ${local.file.clusters} with the same environment"
      broken = [
        for row in local.rows.firewall_rules : row
        if local.header_fits.clusters && contains(local.environments, row.environment) && !contains([for cluster in local.rows.clusters : cluster.name if cluster.environment == row.environment], row.cluster)
      ]
    }
    direction = {
      column = "direction"
      says   = "must be ingress or egress"
      broken = [for row in local.rows.firewall_rules : row if !contains(["ingress", "egress"], row.direction)]
    }
    protocol = {
      column = "protocol"
      says   = "must be tcp or udp"
      broken = [for row in local.rows.firewall_rules : row if !contains(["tcp", "udp"], row.protocol)]
    }
    ports = {
      column = "ports"
      says   = "must be a port, or two with a hyphen between that are at most 1000 apart, such as 443 or 30000-30099"
      broken = [
        for row in local.rows.firewall_rules : row
        if !can(regex("^[0-9]{1,5}(-[0-9]{1,5})?$", row.ports)) ? true : anytrue([
          for ends in [[for port in split("-", row.ports) : tonumber(port)]] :
          min(ends...) < 1 || max(ends...) > 65535 || ends[0] > ends[length(ends) - 1] || ends[length(ends) - 1] - ends[0] > 1000
        ])
      ]
    }
    cidr = {
      column = "cidr"
      says   = "must be an IPv4 network with no host bits, such as 10.0.0.0/8 or 192.0.2.7/32"
      broken = [for row in local.rows.firewall_rules : row if !can(cidrnetmask(row.cidr)) ? true : row.cidr != cidrsubnet(row.cidr, 0, 0)]
    }
    world = {
      column = "cidr"
      says   = "must be /8 or smaller: 0.0.0.0/0 is everyone"
      broken = [for row in local.rows.firewall_rules : row if can(cidrnetmask(row.cidr)) ? tonumber(split("/", row.cidr)[1]) < 8 : false]
    }
    priority = {
      column = "priority"
      says   = "must be a whole number from 100 to 4000, and no other rule's of the same cluster and direction"
      broken = [
        for row in local.rows.firewall_rules : row
        if !can(regex("^[0-9]+$", row.priority)) ? true : tonumber(row.priority) < 100 || tonumber(row.priority) > 4000 || length([
          for other in local.rows.firewall_rules : other
          if other.cluster == row.cluster && other.direction == row.direction && other.priority == row.priority
        ]) > 1
      ]
    }
    description = {
      column = "description"
      says   = "must say in 10 to 120 letters, digits, spaces, hyphens, dots and commas whom it lets in and why"
      broken = [for row in local.rows.firewall_rules : row if !can(regex("^[A-Za-z0-9 .,-]{10,120}$", row.description))]
    }
  }

  firewall_rules = {
    for row in local.rows.firewall_rules : row.name => {
      name        = row.name
      environment = row.environment
      cluster     = row.cluster
      direction   = row.direction
      protocol    = row.protocol
      from_port   = try(tonumber(split("-", row.ports)[0]), 0)
      to_port     = try(tonumber(reverse(split("-", row.ports))[0]), 0)
      ports       = row.ports
      cidr        = row.cidr
      priority    = try(tonumber(row.priority), 0)
      description = row.description
      tags        = local.tags.firewall_rules[row.name][0]
    }... if row.environment == var.environment
  }
}
