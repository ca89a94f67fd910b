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

variable "subnet_ids" {
  description = "The private subnets that nodes are in."
  type        = list(string)
}

variable "security_group_id" {
  description = "The nodes' security group."
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
