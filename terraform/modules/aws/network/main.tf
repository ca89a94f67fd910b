# A private network over three zones. Nodes have no public address; what they reach outside goes through NAT, and what AWS
# offers goes through endpoints in the network. The firewall rules of the inventory are rules of the nodes' security group.

locals {
  zones     = { for index, letter in ["a", "b", "c"] : letter => index }
  endpoints = toset(["ecr.api", "ecr.dkr", "sts", "secretsmanager", "logs", "ec2", "bedrock-runtime"])
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(var.tags, { Name = "fairlead-${var.name}" })
}

# The group that things get by default lets nothing through.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "fairlead-${var.name}-default" })
}

resource "aws_subnet" "private" {
  for_each          = local.zones
  vpc_id            = aws_vpc.this.id
  availability_zone = "${var.region}${each.key}"
  cidr_block        = cidrsubnet(var.cidr, 2, each.value)
  tags              = merge(var.tags, { Name = "fairlead-${var.name}-private-${each.key}", "kubernetes.io/role/internal-elb" = "1" })
}

resource "aws_subnet" "public" {
  for_each          = local.zones
  vpc_id            = aws_vpc.this.id
  availability_zone = "${var.region}${each.key}"
  cidr_block        = cidrsubnet(var.cidr, 6, 48 + each.value)
  tags              = merge(var.tags, { Name = "fairlead-${var.name}-public-${each.key}" })
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "fairlead-${var.name}" })
}

resource "aws_eip" "nat" {
  for_each = { for letter, index in local.zones : letter => index if index < var.zones }
  domain   = "vpc"
  tags     = merge(var.tags, { Name = "fairlead-${var.name}-nat-${each.key}" })
}

resource "aws_nat_gateway" "this" {
  for_each      = aws_eip.nat
  allocation_id = each.value.id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = merge(var.tags, { Name = "fairlead-${var.name}-${each.key}" })
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "fairlead-${var.name}-public" })
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each       = aws_subnet.public
  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  for_each = local.zones
  vpc_id   = aws_vpc.this.id
  tags     = merge(var.tags, { Name = "fairlead-${var.name}-private-${each.key}" })
}

resource "aws_route" "private" {
  for_each               = local.zones
  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = try(aws_nat_gateway.this[each.key], aws_nat_gateway.this["a"]).id
}

resource "aws_route_table_association" "private" {
  for_each       = aws_subnet.private
  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}

resource "aws_security_group" "nodes" {
  name        = "fairlead-${var.name}-nodes"
  description = "Nodes of the cluster ${var.name}: what the inventory's firewall rules let in and out"
  vpc_id      = aws_vpc.this.id
  tags        = merge(var.tags, { Name = "fairlead-${var.name}-nodes" })
}

# Nodes reach one another, the endpoints and the database inside the network, and registries and models by HTTPS.
resource "aws_vpc_security_group_egress_rule" "inside" {
  security_group_id = aws_security_group.nodes.id
  description       = "Everything inside the network"
  ip_protocol       = "-1"
  cidr_ipv4         = var.cidr
  tags              = merge(var.tags, { Name = "inside" })
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.nodes.id
  description       = "HTTPS to registries, models and the cloud itself"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
  tags              = merge(var.tags, { Name = "https" })
}

resource "aws_vpc_security_group_ingress_rule" "inventory" {
  for_each          = { for name, rule in var.rules : name => rule if rule.direction == "ingress" }
  security_group_id = aws_security_group.nodes.id
  description       = each.value.description
  ip_protocol       = each.value.protocol
  from_port         = each.value.from_port
  to_port           = each.value.to_port
  cidr_ipv4         = each.value.cidr
  tags              = merge(each.value.tags, { Name = each.key })
}

resource "aws_vpc_security_group_egress_rule" "inventory" {
  for_each          = { for name, rule in var.rules : name => rule if rule.direction == "egress" }
  security_group_id = aws_security_group.nodes.id
  description       = each.value.description
  ip_protocol       = each.value.protocol
  from_port         = each.value.from_port
  to_port           = each.value.to_port
  cidr_ipv4         = each.value.cidr
  tags              = merge(each.value.tags, { Name = each.key })
}

resource "aws_security_group" "endpoints" {
  name        = "fairlead-${var.name}-endpoints"
  description = "HTTPS from the network to the endpoints of AWS services"
  vpc_id      = aws_vpc.this.id
  tags        = merge(var.tags, { Name = "fairlead-${var.name}-endpoints" })
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id = aws_security_group.endpoints.id
  description       = "HTTPS from the network"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = var.cidr
  tags              = merge(var.tags, { Name = "endpoints" })
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  tags              = merge(var.tags, { Name = "fairlead-${var.name}-s3" })
}

resource "aws_vpc_endpoint" "services" {
  for_each            = local.endpoints
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  tags                = merge(var.tags, { Name = "fairlead-${var.name}-${each.key}" })
}

resource "aws_iam_role" "flow_logs" {
  name = "fairlead-${var.name}-flow-logs"
  tags = var.tags
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "vpc-flow-logs.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "flow_logs" {
  name = "write"
  role = aws_iam_role.flow_logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
      Resource = [var.log_group_arn, "${var.log_group_arn}:*"]
    }]
  })
}

resource "aws_flow_log" "this" {
  vpc_id          = aws_vpc.this.id
  traffic_type    = "ALL"
  log_destination = var.log_group_arn
  iam_role_arn    = aws_iam_role.flow_logs.arn
  tags            = merge(var.tags, { Name = "fairlead-${var.name}" })
}
