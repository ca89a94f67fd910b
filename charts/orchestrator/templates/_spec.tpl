{{/* orchestrator.spec: its pods, for common.pod, whichever object makes them. */}}
{{- define "orchestrator.spec" -}}
{{- $env := dict }}
{{- with .Values.traceStore.url }}
{{- $_ := set $env "FAIRLEAD_MLFLOW_URL" . }}
{{- with $.Values.traceStore.credentials }}
{{- if .secret }}{{ $_ := set $env "FAIRLEAD_MLFLOW_TOKEN" (dict "secret" .secret "key" .key "optional" true) }}{{ end }}
{{- end }}
{{- end }}
{{- with .Values.traceStore.pageUrl }}{{ $_ := set $env "FAIRLEAD_TRACE_URL" . }}{{ end }}
{{- $uses := list "keys" "serviceKey" "database" "files" "pool" "traces" "tunables" }}
{{- dict "port" 8080 "uses" $uses "env" $env "workload" (.Values.rollout.enabled | ternary "none" "") | toYaml }}
{{- end }}
