variable "name" {
  description = "The name of the secret, without -passwords."
  type        = string
}

variable "key_arn" {
  description = "The KMS key that it is encrypted with."
  type        = string
}

variable "deletion_protection" {
  description = "Whether it refuses to be destroyed."
  type        = bool
}

variable "password_version" {
  description = "Raise it by one to make new passwords."
  type        = number
}

variable "tags" {
  description = "Tags of everything in it."
  type        = map(string)
}
