# moto forgets parameters, performance insights, and the description of a rule that names another group.
resource "aws_db_instance" "this" {
  lifecycle {
    ignore_changes = [performance_insights_enabled, performance_insights_kms_key_id]
  }
}

resource "aws_db_parameter_group" "this" {
  lifecycle {
    ignore_changes = [parameter]
  }
}

resource "aws_vpc_security_group_ingress_rule" "nodes" {
  lifecycle {
    ignore_changes = [description]
  }
}
