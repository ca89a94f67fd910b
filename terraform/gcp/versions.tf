# Tested with Terraform 1.11.4, the google provider 8.0.0 and random 3.9.0; OpenTofu 1.11 has all that is used here.
terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.0, < 9.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }

  # Partial: `make tf-plan` adds environments/<environment>.backend.hcl and the bucket.
  backend "gcs" {}
}

provider "google" {
  project               = var.account
  region                = var.region
  user_project_override = true
  billing_project       = var.account
}
