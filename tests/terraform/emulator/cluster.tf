# moto has no EKS add-ons, forgets how access is configured, invents an SSH key and has no security group for a cluster.
resource "aws_eks_addon" "this" {
  for_each = {}
}

resource "aws_eks_cluster" "this" {
  lifecycle {
    ignore_changes = [access_config]
  }
}

resource "aws_eks_node_group" "this" {
  lifecycle {
    ignore_changes = [remote_access, scaling_config[0].desired_size]
  }
}

resource "aws_launch_template" "nodes" {
  vpc_security_group_ids = [var.security_group_id]

  lifecycle {
    ignore_changes = [tag_specifications]
  }
}
