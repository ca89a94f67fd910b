# Ephemeral values and write-only arguments: from 1.11 on in Terraform and in OpenTofu.
terraform {
  required_version = ">= 1.11.0, < 2.0.0"
}
