variable "name" {
  description = "The cluster's name; what is made here carries it."
  type        = string
}
