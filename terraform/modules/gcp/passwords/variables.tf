variable "name" {
  description = "The name of the secret, without -passwords."
  type        = string
}

variable "password_version" {
  description = "Raise it by one to make new passwords."
  type        = number
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
