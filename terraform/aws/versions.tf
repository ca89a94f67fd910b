# Tested with Terraform 1.11.4 and the AWS provider 5.100.0; OpenTofu 1.11 has all that is used here.
terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Partial: `make tf-plan` adds environments/<environment>.backend.hcl and the bucket.
  backend "s3" {}
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account]
}
