# clusters.csv: a row is a network, a Kubernetes cluster with its node pools, a DNS zone with a certificate, a log sink and a budget.

locals {
  cluster_columns = [
    "name", "environment", "region", "cidr", "size", "kubernetes_version", "gpu", "public", "domain", "monthly_budget", "owner",
    "cost_center",
  ]

  # First address and number of addresses of each network, as whole numbers; empty where the CIDR is none.
  cluster_ranges = {
    for row in local.rows.clusters : row.name => [
      for octets in [[for octet in split(".", split("/", cidrsubnet(row.cidr, 0, 0))[0]) : tonumber(octet)]] : {
        first = octets[0] * pow(2, 24) + octets[1] * pow(2, 16) + octets[2] * pow(2, 8) + octets[3]
        count = pow(2, 32 - tonumber(split("/", row.cidr)[1]))
      }
    ][0]...
    if can(cidrnetmask(row.cidr))
  }

  cluster_rules = {
    region = {
      column = "region"
      says   = "must be one of ${join(", ", local.regions)}"
      broken = [for row in local.rows.clusters : row if !contains(local.regions, row.region)]
    }
    home = {
      column = "region"
      says   = "must be ${var.region}, the environment's own region (the variable region)"
      broken = [
        for row in local.rows.clusters : row
        if row.environment == var.environment && contains(local.regions, row.region) && row.region != var.region
      ]
    }
    cidr = {
      column = "cidr"
      says   = "must be a private network (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16) of /16 to /20, with no host bits, such as 10.20.0.0/16"
      broken = [
        for row in local.rows.clusters : row
        if !can(cidrnetmask(row.cidr)) ? true : (
          row.cidr != cidrsubnet(row.cidr, 0, 0) || tonumber(split("/", row.cidr)[1]) < 16 || tonumber(split("/", row.cidr)[1]) > 20
          || !can(regex("^(10[.]|172[.](1[6-9]|2[0-9]|3[01])[.]|192[.]168[.])", row.cidr))
        )
      ]
    }
    overlap = {
      column = "cidr"
      says   = "must not overlap another cluster's: networks that overlap can never be connected"
      broken = [
        for row in local.rows.clusters : row
        if length([
          for other in local.rows.clusters : other
          if other.name != row.name && can(cidrnetmask(row.cidr)) && can(cidrnetmask(other.cidr)) ? (
            local.cluster_ranges[row.name][0].first < local.cluster_ranges[other.name][0].first + local.cluster_ranges[other.name][0].count &&
            local.cluster_ranges[other.name][0].first < local.cluster_ranges[row.name][0].first + local.cluster_ranges[row.name][0].count
          ) : false
        ]) > 0
      ]
    }
    size = {
      column = "size"
      says   = "must be one of ${join(", ", local.sizes)}"
      broken = [for row in local.rows.clusters : row if !contains(local.sizes, row.size)]
    }
    version = {
      column = "kubernetes_version"
      says   = "must be one of ${join(", ", local.kubernetes_versions)}"
      broken = [for row in local.rows.clusters : row if !contains(local.kubernetes_versions, row.kubernetes_version)]
    }
    gpu = {
      column = "gpu"
      says   = "must be true or false"
      broken = [for row in local.rows.clusters : row if !contains(local.booleans, row.gpu)]
    }
    public = {
      column = "public"
      says   = "must be false, or true to give the Kubernetes API an address on the internet, which prod may not have"
      broken = [
        for row in local.rows.clusters : row
        if !contains(local.booleans, row.public) || (row.environment == "prod" && row.public == "true")
      ]
    }
    domain = {
      column = "domain"
      says   = "must be a domain name in small letters, such as dev.fairlead.example"
      broken = [for row in local.rows.clusters : row if !can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?[.])+[a-z]{2,}$", row.domain))]
    }
    budget = {
      column = "monthly_budget"
      says   = "must be a whole number from 50 to 1000000: its owner is told at 80 and 100 %"
      broken = [
        for row in local.rows.clusters : row
        if !can(regex("^[0-9]+$", row.monthly_budget)) ? true : tonumber(row.monthly_budget) < 50 || tonumber(row.monthly_budget) > 1000000
      ]
    }
  }

  clusters = {
    for row in local.rows.clusters : row.name => {
      name               = row.name
      environment        = row.environment
      region             = row.region
      cidr               = row.cidr
      size               = row.size
      kubernetes_version = row.kubernetes_version
      gpu                = row.gpu == "true"
      public             = row.public == "true"
      domain             = row.domain
      monthly_budget     = try(tonumber(row.monthly_budget), 0)
      owner              = row.owner
      tags               = local.tags.clusters[row.name][0]
    }... if row.environment == var.environment
  }
}
