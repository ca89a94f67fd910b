output "id" {
  description = "The network's identifier."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "The private subnets, for nodes and databases."
  value       = [for subnet in aws_subnet.private : subnet.id]
}

output "node_security_group_id" {
  description = "The group whose rules are the inventory's firewall rules."
  value       = aws_security_group.nodes.id
}
