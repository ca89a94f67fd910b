{{- /* What Terraform says of a cluster, as values: Argo CD lays this over each application. A fact that a cluster does not
       have changes nothing. */ -}}
{{- $facts := get .metadata "annotations" | default dict -}}
{{- $size := index .metadata.labels "fairlead.dev/size" -}}
{{- $files := index $facts "fairlead.dev/files-url" -}}
{{- $identity := index $facts (printf "fairlead.dev/identity-%s" .chart) -}}
{{- $annotation := get (dict
      "aws" "eks.amazonaws.com/role-arn"
      "azure" "azure.workload.identity/client-id"
      "gcp" "iam.gke.io/gcp-service-account") (index $facts "fairlead.dev/cloud" | default "") -}}
{{- $prefix := index $facts "fairlead.dev/vault-prefix" -}}
{{- $database := index $facts "fairlead.dev/database-secret" -}}
{{- $values := dict -}}
{{- $external := dict -}}
{{- if $prefix }}{{ $_ := set $external "prefix" $prefix }}{{ end -}}
{{- if and $database (eq .chart "vector-store") -}}
{{- $_ := set $external "secrets" (dict "fairlead-database" (dict "*" $database)) -}}
{{- end -}}
{{- if $external }}{{ $_ := set $values "externalSecrets" $external }}{{ end -}}
{{- if $size }}{{ $_ := set $values "global" (dict "profile" $size) }}{{ end -}}
{{- if and $files (has .chart (list "orchestrator" "ingestion")) }}{{ $_ := set $values "files" (dict "url" $files) }}{{ end -}}
{{- $backups := index $facts "fairlead.dev/backups-url" -}}
{{- if and $backups (eq .chart "vector-store") }}{{ $_ := set $values "backup" (dict "destination" $backups) }}{{ end -}}
{{- $domain := index $facts "fairlead.dev/domain" -}}
{{- if and $domain (eq .chart "platform") -}}
{{- $_ := set $values "entry" (dict "routes" (dict
      "answers" (dict "host" $domain)
      "traces" (dict "host" (printf "traces.%s" $domain)))) -}}
{{- else if and $domain (eq .chart "trace-store") -}}
{{- $_ := set $values "hosts" (list (printf "traces.%s" $domain)) -}}
{{- end -}}
{{- if and $identity $annotation -}}
{{- $_ := set $values "serviceAccount" (dict "annotations" (dict $annotation $identity)) -}}
{{- if eq $annotation "azure.workload.identity/client-id" -}}
{{- $_ := set $values "podLabels" (dict "azure.workload.identity/use" "true") -}}
{{- end -}}
{{- end }}
spec:
  source:
    helm:
      valuesObject: {{ toJson $values }}
