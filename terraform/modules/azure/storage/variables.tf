variable "storage" {
  description = "The row of storage.csv."
  type = object({
    name           = string
    environment    = string
    purpose        = string
    retention_days = number
    versioning     = bool
    public         = bool
  })
}

variable "suffix" {
  description = "Letters that make names the only ones of their kind in the world."
  type        = string
}

variable "endpoints" {
  description = "For each cluster: the subnet that a private endpoint is made in, and the DNS zones of its network by kind."
  type        = map(object({ subnet_id = string, zone_ids = map(string) }))
}

variable "group" {
  description = "The resource group."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}

variable "tags" {
  description = "Tags of everything in it."
  type        = map(string)
}
