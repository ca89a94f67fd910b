# In the place of modules/*/passwords/main.tf where a provider is mocked: mocks have no ephemeral resources. The real one
# is applied with the AWS root.
variable "stand_in" {
  type      = map(string)
  ephemeral = true
  default   = { superuser = "a", owner = "b", app = "c", mlflow = "d" }
}

locals {
  values = var.stand_in
}
