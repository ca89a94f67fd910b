variable "cluster" {
  description = "The row of clusters.csv."
  type = object({
    name = string
    size = string
  })
}
