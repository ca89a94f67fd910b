variable "environment" {
  description = "The environment; names begin with it."
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

variable "key_id" {
  description = "The KMS key that it is encrypted with."
  type        = string
}

variable "labels" {
  description = "Labels of everything in it."
  type        = map(string)
}
