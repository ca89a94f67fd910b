variable "cloud" {
  description = "Whose regions, models and limits the rows are held against."
  type        = string

  validation {
    condition     = contains(["aws", "azure", "gcp", "kind"], var.cloud)
    error_message = "cloud must be aws, azure, gcp or kind."
  }
}

variable "environment" {
  description = "The environment whose rows are returned; the rows of the others are only checked."
  type        = string

  validation {
    condition     = contains(["dev", "test", "prod"], var.environment)
    error_message = "environment must be dev, test or prod."
  }
}

variable "region" {
  description = "The region that this environment's clusters and storage are in; models may be in others."
  type        = string
}

variable "files" {
  description = "The CSV file of each of the six tables: clusters, model_deployments, databases, storage, firewall_rules, identities."
  type        = map(string)

  validation {
    condition = length(setsubtract(
      ["clusters", "model_deployments", "databases", "storage", "firewall_rules", "identities"], keys(var.files)
    )) == 0
    error_message = "files must name all six: clusters, model_deployments, databases, storage, firewall_rules, identities."
  }
}
