# The root against moto: state in a file, buckets by path, and no long wait for a call that moto does not know.
terraform {
  backend "local" {}
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account]
  s3_use_path_style   = true
  max_retries         = 3
}
