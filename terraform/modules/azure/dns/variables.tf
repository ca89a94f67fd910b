variable "domain" {
  description = "The cluster's domain; delegate it to the zone's name servers."
  type        = string
}

variable "group" {
  description = "The resource group."
  type        = string
}

variable "tags" {
  description = "Tags of everything in it."
  type        = map(string)
}
