{{/* vector-store.settings: of Postgres: those of the profile, with `settings` over them. */}}
{{- define "vector-store.settings" -}}
{{- $profile := .Values.profile | default (.Values.global).profile | default "small" -}}
{{- $fixed := dict "random_page_cost" "1.1" "jit" "off" "log_line_prefix" "%m [%p] %u@%d "
      "default_text_search_config" "pg_catalog.english" -}}
{{- range $name, $value := mergeOverwrite $fixed (get .Values.tuning $profile | default dict) .Values.settings }}
{{ $name }}: {{ toString $value | quote }}
{{- end }}
{{- end }}

{{/* vector-store.check: values that fit no mode are refused here. */}}
{{- define "vector-store.check" -}}
{{- $backup := .Values.backup -}}
{{- if and (eq .Values.mode "external") $backup.enabled -}}
{{- fail "vector-store: backup.enabled with mode external: backups are made by whoever looks after that server; switch it off" -}}
{{- end -}}
{{- if and (eq .Values.mode "external") .Values.restore.from -}}
{{- fail "vector-store: restore.from with mode external: restore it where that server is looked after, and leave restore.from empty" -}}
{{- end -}}
{{- if eq .Values.mode "cluster" -}}
{{- if and (or $backup.enabled .Values.restore.from) (not (or $backup.destination $backup.objectStore)) -}}
{{- fail "vector-store: backup.enabled and restore.from with mode cluster need backup.destination (s3://bucket/path) or backup.objectStore" -}}
{{- end -}}
{{- if ge (int .Values.cluster.synchronous.number) (int .Values.cluster.instances) -}}
{{- fail (printf "vector-store: cluster.synchronous.number (%v) must be less than cluster.instances (%v): the primary itself does not count" .Values.cluster.synchronous.number .Values.cluster.instances) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.mode "single") .Values.restore.until -}}
{{- fail "vector-store: restore.until needs mode cluster: a dump is of one moment; leave it empty" -}}
{{- end -}}
{{- end }}

{{/* vector-store.secret (list context keys): the volume with these keys of fairlead-database; those with a question mark may lack. */}}
{{- define "vector-store.secret" -}}
{{- $ := index . 0 -}}
mountPath: /var/run/fairlead/database
readOnly: true
source:
  secret:
    secretName: {{ $.Values.database.secret }}
    defaultMode: 0440
    {{- with index . 1 }}
    items:
      {{- range . }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
    {{- end }}
{{- end }}

{{/* vector-store.peers: who speaks to the database: services, and Jobs that are called CHART-JOB. */}}
{{- define "vector-store.peers" -}}
{{- range list "orchestrator" "ingestion" "llm-proxy" "trace-store" "trace-collector/buffer" "orchestrator-migration"
      "trace-collector-retain" "vector-store-prepare" "vector-store-backup" "vector-store-restore" }}
- {peer: {{ . }}, ports: [5432]}
{{- end }}
{{- end }}

{{/* vector-store.scratch: the volume of a Job that writes only to /tmp. */}}
{{- define "vector-store.scratch" -}}
mountPath: /tmp
source: {emptyDir: {}}
{{- end }}

{{/*
vector-store.objectStore: where backups go, as CloudNativePG takes it. Without a Secret the pods' own identity opens it, which
`serviceAccount.annotations` gives them.
*/}}
{{- define "vector-store.objectStore" -}}
{{- $backup := .Values.backup -}}{{- $keys := $backup.credentials -}}
{{- $id := dict "name" $keys.secret "key" $keys.accessKeyId -}}{{- $key := dict "name" $keys.secret "key" $keys.secretAccessKey -}}
{{- $scheme := splitList "://" $backup.destination | first -}}{{- $path := trimPrefix (printf "%s://" $scheme) $backup.destination -}}
{{- if eq $scheme "az" }}
{{- $parts := splitn "/" 2 $path }}
destinationPath: https://{{ $parts._0 }}.blob.core.windows.net/{{ $parts._1 }}
azureCredentials:
  {{- $keys.secret | empty | ternary (dict "inheritFromAzureAD" true) (dict "storageAccount" $id "storageKey" $key) | toYaml | nindent 2 }}
{{- else }}
destinationPath: {{ $backup.destination | quote }}
{{- if eq $scheme "gs" }}
googleCredentials:
  {{- $keys.secret | empty | ternary (dict "gkeEnvironment" true) (dict "applicationCredentials" $key) | toYaml | nindent 2 }}
{{- else }}
s3Credentials:
  {{- $keys.secret | empty | ternary (dict "inheritFromIAMRole" true) (dict "accessKeyId" $id "secretAccessKey" $key) | toYaml | nindent 2 }}
{{- end }}
{{- end }}
{{- with $backup.endpoint }}
endpointURL: {{ . }}
{{- end }}
{{- end }}
