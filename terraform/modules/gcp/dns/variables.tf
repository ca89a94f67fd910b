variable "name" {
  description = "The cluster's name; what is made here carries it."
  type        = string
}

variable "domain" {
  description = "The cluster's domain; delegate it to the zone's name servers."
  type        = string
}

variable "labels" {
  description = "Labels of everything in it."
  type        = map(string)
}
