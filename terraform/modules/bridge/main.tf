# The bridge to Argo CD: one cluster secret. Labels switch add-ons and choose the environment, annotations carry facts.
# It is a manifest, not a resource: `make bootstrap CLUSTER=…` applies it, so that no plan needs to reach a private cluster.

locals {
  secret = {
    apiVersion = "v1"
    kind       = "Secret"
    metadata = {
      name      = "in-cluster"
      namespace = "argocd"
      labels = merge(
        {
          "argocd.argoproj.io/secret-type" = "cluster"
          "fairlead.dev/environment"       = var.environment
          "fairlead.dev/size"              = var.size
        },
        { for name, state in var.addons : "fairlead.dev/addon-${name}" => state },
      )
      annotations = { for key, value in var.facts : "fairlead.dev/${key}" => value }
    }
    type = "Opaque"
    stringData = {
      name   = "in-cluster"
      server = "https://kubernetes.default.svc"
      config = jsonencode({ tlsClientConfig = { insecure = false } })
    }
  }

  # The one store that charts read Secrets from, where the cluster has External Secrets and the cloud a vault.
  vault_access = [for manifest in [
    {
      apiVersion = "v1"
      kind       = "ServiceAccount"
      metadata   = { name = "fairlead-vault", namespace = "external-secrets", annotations = try(var.vault.annotations, {}) }
    },
    {
      apiVersion = "external-secrets.io/v1"
      kind       = "ClusterSecretStore"
      metadata   = { name = "fairlead" }
      spec       = { provider = try(var.vault.provider, {}) }
    },
  ] : manifest if var.vault != null && contains(keys(var.addons), "external-secrets")]
}
