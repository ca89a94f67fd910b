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
    cloud                     = string # aws, azure, gcp or kind
    region                    = string # where the cluster is
    cluster                   = string # what the cloud calls it; contexts of kubectl end with it
    domain                    = string # what its DNS zone is for
    registry                  = string # what the names of images begin with
    vault                     = string # where the vault is: AWS: region; Azure: address; Google Cloud: project
    vault-prefix              = string # what the names of this environment begin with in the vault; values: externalSecrets.prefix
    database-host             = string # the database in the network
    database-secret           = string # what the vault calls the Secret fairlead-database, without the prefix
    files-url                 = string # where file bytes are; values: files.url of orchestrator and ingestion
    backups-url               = string # where backups go
    log-sink                  = string # where the logs of the control plane are
    search-url                = string # managed search, where it is switched on
    identity-external-secrets = string # reads the vault
    identity-external-dns     = string # writes records into the zone
    identity-llm-proxy        = string # asks the models
    identity-ingestion        = string # reads and writes files
    identity-orchestrator     = string # reads and writes files
    identity-vector-store     = string # writes backups
  })
}

variable "vault" {
  description = "How External Secrets reads the vault: the store's provider, and what its service account is annotated with; null: no vault."
  type        = object({ provider = any, annotations = map(string) })
  default     = null
}
