# Tested with Terraform 1.11.4 and kind 0.30; OpenTofu 1.11 has all that is used here. No provider is needed.
terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  # One machine: the state is a file beside the root.
  backend "local" {}
}
