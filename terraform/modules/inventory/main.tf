# Reads the inventory, brings every cell into one form, and finds what breaks a rule. The rules that all tables share are
# here; those of one table are in the file of its name.

locals {
  columns = {
    clusters          = local.cluster_columns
    model_deployments = local.model_deployment_columns
    databases         = local.database_columns
    storage           = local.storage_columns
    firewall_rules    = local.firewall_rule_columns
    identities        = local.identity_columns
  }
  tables = keys(local.columns)

  # Spreadsheets put a byte order mark first and end lines with a carriage return. A line that begins with # is a remark.
  lines = {
    for table in local.tables : table => [
      for line in split("\n", try(trimprefix(file(var.files[table]), "\ufeff"), "")) : trimspace(line)
    ]
  }
  header = { for table in local.tables : table => [for name in split(",", local.lines[table][0]) : trimspace(name)] }
  file   = { for table in local.tables : table => basename(var.files[table]) }

  header_fits = {
    for table in local.tables : table =>
    length(local.header[table]) == length(distinct(local.header[table])) && toset(local.header[table]) == toset(local.columns[table])
  }
  # Line by line, so that a line with too few fields is found and does not hide the others.
  records = {
    for table in local.tables : table => [
      for index, line in local.lines[table] : {
        number = index + 1
        cells  = try(csvdecode("${join(",", local.header[table])}\n${line}")[0], null)
      }
      if index > 0 && line != "" && !startswith(line, "#") && local.header_fits[table]
    ]
  }
  rows = {
    for table in local.tables : table => [
      for record in local.records[table] : merge(
        { for column in local.columns[table] : column => trimspace(record.cells[column]) },
        { at = "${local.file[table]} row ${record.number} (${trimspace(record.cells.name)})" },
      ) if record.cells != null
    ]
  }

  environments = ["dev", "test", "prod"]
  name_pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)+$"

  # Rules about the file and its lines: there is no cell to show.
  file_rules = {
    for table in local.tables : table => {
      columns = {
        says = "must have the columns ${join(", ", local.columns[table])}, each once"
        broken = concat(
          [
            for path in [var.files[table]] : "${local.file[table]}: the file is missing (a table without rows still has its header)"
            if !fileexists(path)
          ],
          [
            for path in [var.files[table]] :
            "${local.file[table]}: missing: ${join(" ", setsubtract(local.columns[table], local.header[table]))}; unknown: ${join(" ", setsubtract(local.header[table], local.columns[table]))}"
            if fileexists(path) && !local.header_fits[table]
          ],
        )
      }
      fields = {
        says   = "must have one field for each of the ${length(local.columns[table])} columns, and closed quotes"
        broken = [for record in local.records[table] : "${local.file[table]} row ${record.number}" if record.cells == null]
      }
    }
  }

  # Rules about a cell that every table has.
  shared_rules = {
    for table in local.tables : table => {
      name = {
        column = "name"
        says   = "must be the row's environment, a hyphen, then words of a-z and 0-9 with hyphens between; 20 characters at most"
        broken = [
          for row in local.rows[table] : row
          if !can(regex(local.name_pattern, row.name)) || length(row.name) > 20 || !startswith(row.name, "${row.environment}-")
        ]
      }
      duplicate = {
        column = "name"
        says   = "must be in this file once"
        broken = [
          for row in local.rows[table] : row
          if length([for other in local.rows[table] : other if other.name == row.name]) > 1
        ]
      }
      environment = {
        column = "environment"
        says   = "must be one of ${join(", ", local.environments)}: it becomes a tag and decides which state the row is in"
        broken = [for row in local.rows[table] : row if !contains(local.environments, row.environment)]
      }
      owner = {
        column = "owner"
        says   = "must be the mail address of a team: it becomes a tag and gets the budget's alerts"
        broken = [for row in local.rows[table] : row if !can(regex("^[^@ ,;]+@[^@ ,;]+[.][a-z]+$", row.owner))]
      }
      cost_center = {
        column = "cost_center"
        says   = "must be two letters, a hyphen and four digits, such as cc-1042: it becomes a tag that costs are counted by"
        broken = [for row in local.rows[table] : row if !can(regex("^[a-z]{2}-[0-9]{4}$", row.cost_center))]
      }
    }
  }

  own_rules = {
    clusters          = local.cluster_rules
    model_deployments = local.model_deployment_rules
    databases         = local.database_rules
    storage           = local.storage_rules
    firewall_rules    = local.firewall_rule_rules
    identities        = local.identity_rules
  }

  problems = flatten([
    for table in local.tables : concat(
      [for id, rule in local.file_rules[table] : [
        for at in rule.broken : "${at}: ${rule.says} [rule ${table}.${id}]"
      ]],
      [for id, rule in merge(local.shared_rules[table], local.own_rules[table]) : [
        for row in rule.broken : "${row.at}: ${rule.column} \"${row[rule.column]}\" ${rule.says} [rule ${table}.${id}]"
      ]],
    )
  ])

  tags = {
    for table in local.tables : table => {
      for row in local.rows[table] : row.name => {
        name        = row.name
        environment = row.environment
        owner       = row.owner
        cost_center = row.cost_center
        platform    = "fairlead"
        managed_by  = "terraform"
      }...
    }
  }
}
