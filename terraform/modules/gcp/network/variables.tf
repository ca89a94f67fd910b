variable "name" {
  description = "The cluster's name; what is made here carries it."
  type        = string
}

variable "cidr" {
  description = "The private network, /16 to /20."
  type        = string
}

variable "rules" {
  description = "The cluster's rows of firewall_rules.csv, by name."
  type = map(object({
    direction   = string
    protocol    = string
    ports       = string
    cidr        = string
    priority    = number
    description = string
  }))
}

variable "region" {
  description = "The region."
  type        = string
}
