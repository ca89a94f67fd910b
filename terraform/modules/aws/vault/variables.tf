variable "environment" {
  description = "The environment; names begin with it."
  type        = string
}

variable "account" {
  description = "The account, whose administrators may use the key."
  type        = string
}

variable "secrets" {
  description = "Secrets that people or rotation fill: only their places are made."
  type        = set(string)
}

variable "tags" {
  description = "Tags of everything in it."
  type        = map(string)
}

variable "deletion_protection" {
  description = "Whether it refuses to be destroyed."
  type        = bool
}
