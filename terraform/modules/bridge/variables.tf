variable "environment" {
  description = "The environment that the cluster serves."
  type        = string
}

variable "size" {
  description = "small, medium or large: the charts' profile."
  type        = string
}

variable "addons" {
  description = "Operators by name: enabled (Argo CD installs it) or installed (it is there already)."
  type        = map(string)

  validation {
    condition     = alltrue([for state in values(var.addons) : contains(["enabled", "installed"], state)])
    error_message = "addons: each must be enabled or installed; leave out what the cluster is not to have."
  }
}

variable "facts" {
  description = "What the cluster's workloads must know of the cloud: the same keys in all clouds, empty where it has none."
  type = object({
    cloud                     = string
    region                    = string
    cluster                   = string
    domain                    = string
    registry                  = string
    vault                     = string
    vault-prefix              = string
    database-host             = string
    database-secret           = string
    files-url                 = string
    backups-url               = string
    log-sink                  = string
    search-url                = string
    identity-external-secrets = string
    identity-external-dns     = string
    identity-llm-proxy        = string
    identity-ingestion        = string
    identity-orchestrator     = string
    identity-vector-store     = string
  })
}

variable "vault" {
  description = "How External Secrets reads the vault: the store's provider, and what its service account is annotated with; null: no vault."
  type        = object({ provider = any, annotations = map(string) })
  default     = null
}
