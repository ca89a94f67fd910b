variable "cluster" {
  description = "The row of clusters.csv."
  type = object({
    name               = string
    size               = string
    kubernetes_version = string
    gpu                = bool
    public             = bool
    cidr               = string
  })
}

variable "network_id" {
  description = "The network that it is in."
  type        = string
}

variable "subnet_id" {
  description = "The nodes' subnet."
  type        = string
}

variable "tag" {
  description = "The tag of nodes that the firewall rules apply to."
  type        = string
}

variable "project" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}

variable "key_id" {
  description = "The KMS key that it is encrypted with."
  type        = string
}

variable "labels" {
  description = "Labels of everything in it."
  type        = map(string)
}

variable "deletion_protection" {
  description = "Whether it refuses to be destroyed."
  type        = bool
}
