# Tested with Terraform 1.11.4, the azurerm provider 5.2.0 and random 3.9.0; OpenTofu 1.11 has all that is used here.
terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }

  # Partial: `make tf-plan` adds environments/<environment>.backend.hcl and the storage account.
  backend "azurerm" {}
}

provider "azurerm" {
  subscription_id     = var.account
  storage_use_azuread = true

  features {
    resource_group {
      prevent_deletion_if_contains_resources = var.deletion_protection
    }
    key_vault {
      purge_soft_delete_on_destroy = !var.deletion_protection
    }
  }
}
