variable "environment" {
  description = "The environment; names begin with it."
  type        = string
}

variable "secrets" {
  description = "Secrets that people or rotation fill: only their places are made."
  type        = set(string)
}

variable "agents" {
  description = "Google's own accounts that encrypt with the key: of storage, databases, registry, Kubernetes, secrets."
  type        = map(string)
}

variable "region" {
  description = "The region."
  type        = string
}

variable "labels" {
  description = "Labels of everything in it."
  type        = map(string)
}
