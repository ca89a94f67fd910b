variable "identity" {
  description = "The row of identities.csv."
  type = object({
    name            = string
    namespace       = string
    service_account = string
    vault           = bool
    models          = bool
    dns             = bool
    storage         = map(list(string))
  })
}

variable "issuer" {
  description = "The issuer of the cluster's service accounts' tokens."
  type        = string
}

variable "vault_id" {
  description = "The vault that it may read."
  type        = string
}

variable "model_ids" {
  description = "The account of each model deployment, by name."
  type        = map(string)
}

variable "storage_ids" {
  description = "The storage account of each row, by name."
  type        = map(string)
}

variable "zone_id" {
  description = "The cluster's DNS zone."
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
