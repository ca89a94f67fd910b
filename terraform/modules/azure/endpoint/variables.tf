variable "name" {
  description = "Its name."
  type        = string
}

variable "target_id" {
  description = "What it leads to."
  type        = string
}

variable "kind" {
  description = "What of the target it leads to: vault, blob, registry, account, searchService."
  type        = string
}

variable "subnet_id" {
  description = "The subnet that its address is in."
  type        = string
}

variable "zone_id" {
  description = "The private DNS zone that resolves the target's name to it."
  type        = string
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
