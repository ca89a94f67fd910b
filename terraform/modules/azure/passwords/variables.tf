variable "name" {
  description = "The name of the secret, without -passwords."
  type        = string
}

variable "vault_id" {
  description = "The vault that they are put into."
  type        = string
}

variable "password_version" {
  description = "Raise it by one to make new passwords."
  type        = number
}

variable "tags" {
  description = "Tags of everything in it."
  type        = map(string)
}
