variable "cluster" {
  description = "The row of clusters.csv."
  type = object({
    name               = string
    size               = string
    kubernetes_version = string
    gpu                = bool
    public             = bool
  })
}

variable "subnet_id" {
  description = "The nodes' subnet."
  type        = string
}

variable "tenant_id" {
  description = "The directory whose people may be given access."
  type        = string
}

variable "registry_id" {
  description = "The registry that nodes pull from."
  type        = string
}

variable "workspace_id" {
  description = "The log workspace."
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
