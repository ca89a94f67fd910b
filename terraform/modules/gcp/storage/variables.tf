variable "storage" {
  description = "The row of storage.csv."
  type = object({
    name           = string
    purpose        = string
    retention_days = number
    versioning     = bool
  })
}

variable "project" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}

variable "key_id" {
  description = "The KMS key that it is encrypted with."
  type        = string
}

variable "labels" {
  description = "Labels of everything in it."
  type        = map(string)
}

variable "deletion_protection" {
  description = "Whether it refuses to be destroyed."
  type        = bool
}
