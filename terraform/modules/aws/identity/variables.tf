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

variable "issuer" {
  description = "The issuer of the cluster's service accounts' tokens, without https://."
  type        = string
}

variable "issuer_arn" {
  description = "The identity provider that checks the tokens."
  type        = string
}

variable "vault_policy_arn" {
  description = "The policy that lets it read secrets."
  type        = string
}

variable "model_policy_arns" {
  description = "The policy of each model deployment, by name."
  type        = map(string)
}

variable "storage_ids" {
  description = "The ARN of each bucket, by the row's name."
  type        = map(string)
}

variable "zone_id" {
  description = "The ARN of the cluster's DNS zone."
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
