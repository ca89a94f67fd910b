# A cluster of kind on this machine. Terraform has no provider for it that both tools have: the kind CLI does the work.

locals {
  workers = { small = 0, medium = 2, large = 3 }[var.cluster.size]
  config = yamlencode({
    kind       = "Cluster"
    apiVersion = "kind.x-k8s.io/v1alpha4"
    nodes = concat(
      [{ role = "control-plane" }],
      [for index in range(local.workers) : { role = "worker" }],
    )
  })
}

resource "terraform_data" "this" {
  input            = { name = var.cluster.name, config = local.config }
  triggers_replace = [var.cluster.name, local.config]

  provisioner "local-exec" {
    command     = "printf '%s' \"$KIND_CONFIG\" | kind create cluster --name \"$KIND_NAME\" --config - --wait 180s"
    environment = { KIND_NAME = self.input.name, KIND_CONFIG = self.input.config }
  }

  provisioner "local-exec" {
    when        = destroy
    command     = "kind delete cluster --name \"$KIND_NAME\""
    environment = { KIND_NAME = self.input.name }
  }
}
