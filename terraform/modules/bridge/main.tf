# The bridge to Argo CD: one cluster secret. Labels switch add-ons and choose the environment, annotations carry facts.
# It is a manifest, not a resource: `make bootstrap CLUSTER=…` applies it, so that no plan needs to reach a private cluster.

locals {
  secret = {
    apiVersion = "v1"
    kind       = "Secret"
    metadata = {
      name      = "cluster-in-cluster"
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
}
