variable "storage" {
  description = "The row of storage.csv."
  type = object({
    name           = string
    purpose        = string
    retention_days = number
    versioning     = bool
  })
}

variable "account" {
  description = "The account: it makes the bucket's name the only one of its kind in the world."
  type        = string
}

variable "key_arn" {
  description = "The KMS key that it is encrypted with."
  type        = string
}

variable "tags" {
  description = "Tags of everything in it."
  type        = map(string)
}

variable "deletion_protection" {
  description = "Whether it refuses to be destroyed."
  type        = bool
}
