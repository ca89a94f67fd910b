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

variable "workload_pool" {
  description = "The cluster's pool of identities."
  type        = string
}

variable "vault_prefix" {
  description = "What the names of the secrets begin with that it may read."
  type        = string
}

variable "storage_ids" {
  description = "The bucket of each row, by name."
  type        = map(string)
}

variable "zone_id" {
  description = "The cluster's DNS zone."
  type        = string
}

variable "project" {
  description = "The project."
  type        = string
}
