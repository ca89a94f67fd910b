# Managed search (Vertex AI Search), for those whose index outgrows one database. Off by default. It has no size to choose.

resource "google_discovery_engine_data_store" "this" {
  data_store_id     = "fairlead-${var.name}"
  display_name      = "fairlead-${var.name}"
  location          = "eu"
  industry_vertical = "GENERIC"
  content_config    = "NO_CONTENT"
  solution_types    = ["SOLUTION_TYPE_SEARCH"]
}
