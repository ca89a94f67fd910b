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
  description = "The network of its cluster."
  type        = string
}

variable "subnet_ids" {
  description = "The private subnets that it is in."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "The nodes' security group: only they reach it."
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
