variable "name" {
  description = "The cluster's name; what is made here carries it."
  type        = string
}

variable "monthly_budget" {
  description = "What its month may cost, in the subscription's currency."
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

variable "group_id" {
  description = "The resource group whose costs are counted."
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
