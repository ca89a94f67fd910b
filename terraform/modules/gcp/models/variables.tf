variable "deployment" {
  description = "The row of model_deployments.csv."
  type = object({
    name     = string
    region   = string
    model    = string
    capacity = number
    priority = number
  })
}

variable "project" {
  description = "The project."
  type        = string
}
