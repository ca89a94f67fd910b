variable "name" {
  description = "The cluster's name; what is made here carries it."
  type        = string
}

variable "monthly_budget" {
  description = "What its month may cost, in US dollars."
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

variable "key_arn" {
  description = "The KMS key that it is encrypted with."
  type        = string
}

variable "tags" {
  description = "Tags of everything in it."
  type        = map(string)
}
