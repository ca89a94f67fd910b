variable "database" {
  description = "The row of databases.csv."
  type = object({
    name              = string
    environment       = string
    version           = string
    size              = string
    storage_gb        = number
    high_availability = bool
    backup_days       = number
  })
}

variable "network_id" {
  description = "The network of its cluster, with the peered range for services."
  type        = string
}

variable "passwords" {
  description = "The passwords of superuser, owner, app and mlflow."
  type        = map(string)
  ephemeral   = true
}

variable "password_version" {
  description = "Raise it when the passwords are others."
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

variable "deletion_protection" {
  description = "Whether it refuses to be destroyed."
  type        = bool
}
