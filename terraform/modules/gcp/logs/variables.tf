variable "name" {
  description = "The cluster's name; what is made here carries it."
  type        = string
}

variable "monthly_budget" {
  description = "What its month may cost, in the billing account's currency."
  type        = number
}

variable "owner" {
  description = "The mail address that the budget's alerts go to."
  type        = string
}

variable "retention_days" {
  description = "How long logs stay."
  type        = number
}

variable "environment" {
  description = "The environment, whose costs are counted by its label."
  type        = string
}

variable "project" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}
