output "prefix" {
  description = "What the names of this environment's secrets begin with."
  value       = "fairlead-${var.environment}-"
}

output "key_id" {
  description = "The KMS key that the environment's data is encrypted with. It can be used once Google's accounts may."
  value       = google_kms_crypto_key.this.id
  depends_on  = [google_kms_crypto_key_iam_member.agents]
}
