{{/* orchestrator.spec: its pods, for common.pod, whichever object makes them. */}}
{{- define "orchestrator.spec" -}}
{{- $env := dict }}{{ $volumes := dict }}
{{- with .Values.traceStore.url }}
{{- $_ := set $env "FAIRLEAD_MLFLOW_URL" . }}
{{- with $.Values.traceStore.credentials }}
{{- if .secret }}
{{- $_ := set $env "FAIRLEAD_MLFLOW_AUTHORIZATION_FILE" "/var/run/fairlead/trace-store/authorization" }}
{{- $items := list (dict "key" .key "path" "authorization") }}
{{- $secret := dict "secretName" .secret "items" $items "optional" true "defaultMode" 0440 }}
{{- $_ := set $volumes "trace-store" (dict "mountPath" "/var/run/fairlead/trace-store" "readOnly" true "source" (dict "secret" $secret)) }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.traceStore.pageUrl }}{{ $_ := set $env "FAIRLEAD_TRACE_URL" . }}{{ end }}
{{- $uses := list "keys" "people" "serviceKey" "database" "files" "pool" "traces" "tunables" }}
{{- dict "port" 8080 "uses" $uses "env" $env "volumes" $volumes "workload" (.Values.rollout.enabled | ternary "none" "") | toYaml }}
{{- end }}
