variable "name" {
  description = "The cluster's name; what is made here carries it."
  type        = string
}

variable "size" {
  description = "small, medium or large."
  type        = string
}

variable "account" {
  description = "The account whose identities may be let in."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}

variable "network_id" {
  description = "The network that it is in."
  type        = string
}

variable "subnet_ids" {
  description = "The private subnets that it is in."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "The nodes' security group: only they reach it."
  type        = string
}

variable "log_group_arn" {
  description = "Where its log goes."
  type        = string
}

variable "key_arn" {
  description = "The KMS key that it is encrypted with."
  type        = string
}

variable "tags" {
  description = "Tags of everything in it."
  type        = map(string)
}
