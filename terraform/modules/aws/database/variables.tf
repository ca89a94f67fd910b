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

variable "password_version" {
  description = "Raise it by one to make new passwords."
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
