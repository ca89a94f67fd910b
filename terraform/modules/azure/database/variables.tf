variable "database" {
  description = "The row of databases.csv."
  type = object({
    name              = string
    version           = string
    size              = string
    storage_gb        = number
    high_availability = bool
    backup_days       = number
  })
}

variable "subnet_id" {
  description = "The subnet that is kept for databases."
  type        = string
}

variable "zone_id" {
  description = "The private DNS zone that its name is in."
  type        = string
}

variable "vault_id" {
  description = "The vault that its passwords are put into."
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

variable "suffix" {
  description = "Letters that make names the only ones of their kind in the world."
  type        = string
}

variable "group" {
  description = "The resource group."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}

variable "tags" {
  description = "Tags of everything in it."
  type        = map(string)
}
