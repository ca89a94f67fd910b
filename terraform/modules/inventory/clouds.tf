# What each cloud offers that the platform may use. A new region or model is a line here.

locals {
  regions = {
    aws   = ["eu-central-1", "eu-west-1", "eu-north-1", "us-east-1", "us-east-2", "us-west-2", "ap-southeast-2"]
    azure = ["westeurope", "northeurope", "swedencentral", "francecentral", "germanywestcentral", "eastus2", "westus3", "australiaeast"]
    gcp   = ["europe-west1", "europe-west3", "europe-west4", "europe-north1", "us-central1", "us-east4", "australia-southeast1"]
    kind  = ["local"]
  }[var.cloud]

  # Names as the cloud's own API has them.
  models = {
    aws = [
      "amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0", "amazon.titan-embed-text-v2:0", "anthropic.claude-sonnet-4-20250514-v1:0",
      "cohere.embed-multilingual-v3", "cohere.rerank-v3-5:0", "openai.gpt-oss-120b-1:0",
    ]
    azure = ["gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini", "o4-mini", "text-embedding-3-large", "text-embedding-3-small"]
    gcp   = ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-embedding-001", "text-multilingual-embedding-002"]
    kind  = ["local-extractive"]
  }[var.cloud]

  kubernetes_versions = ["1.33", "1.34", "1.35"]
  postgres_versions   = ["17", "18"]
  sizes               = ["small", "medium", "large"]
  booleans            = ["true", "false"]
}
