variable "images" {
  description = "The images; each gets a repository."
  type        = set(string)
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
