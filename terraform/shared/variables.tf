variable "environment" {
  description = "The environment: its rows of the inventory are made."
  type        = string

  validation {
    condition     = contains(["dev", "test", "prod"], var.environment)
    error_message = "environment must be dev, test or prod."
  }
}

variable "region" {
  description = "The region of clusters, databases and storage."
  type        = string
}

variable "account" {
  description = "Where it is made (AWS: account id; Azure: subscription id; Google Cloud: project id; kind: local). Nothing else is touched."
  type        = string
}

variable "inventory" {
  description = "The folder of the six CSV files."
  type        = string
  default     = "inventory"
}

variable "registry" {
  description = "The registry of another environment, so that one image moves through all; url and id empty: one is made here."
  type        = object({ url = string, id = string })
  default     = { url = "", id = "" }
}

variable "addons" {
  description = "Operators by name: enabled (Argo CD installs it) or installed (it is there already)."
  type        = map(string)
  default = {
    argo-rollouts         = "enabled"
    external-secrets      = "enabled"
    keda                  = "enabled"
    kube-prometheus-stack = "enabled"
    metrics-server        = "enabled"
    traefik               = "enabled"
  }
}

variable "search" {
  description = "Whether each cluster gets a managed search engine beside its database."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether databases, buckets and keys refuse to be destroyed. Set it to false and apply before a destroy."
  type        = bool
  default     = true
}

variable "password_version" {
  description = "Raise it by one to make new database passwords."
  type        = number
  default     = 1

  validation {
    condition     = var.password_version >= 1 && floor(var.password_version) == var.password_version
    error_message = "password_version must be a whole number from 1."
  }
}
