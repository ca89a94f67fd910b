{{/* What operators read, each behind its switch. */}}

{{/*
common.serviceMonitor (list context "port"): Prometheus Operator scrapes /metrics of every pod. Where a canary has a Service
of its own, two Services may stand for one pod: then the pods are asked for themselves, or they would count twice.
*/}}
{{- define "common.serviceMonitor" -}}
{{- $ := index . 0 -}}{{- $monitor := $.Values.serviceMonitor -}}{{- $pods := not (empty ($.Values.rollout).httpRoute) -}}
{{- if $monitor.enabled }}
apiVersion: monitoring.coreos.com/v1
kind: {{ $pods | ternary "PodMonitor" "ServiceMonitor" }}
metadata:
  name: {{ include "common.fullname" $ }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- merge (dict) $monitor.labels (include "common.labels" $ | fromYaml) | toYaml | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "common.selectorLabels" $ | nindent 6 }}
  {{ $pods | ternary "podMetricsEndpoints" "endpoints" }}:
    - port: {{ index . 1 }}
      path: /metrics
      interval: {{ $monitor.interval }}
      # Our own label `service` stays: every alert and dashboard tells the services apart by it.
      honorLabels: true
{{- end }}
{{- end }}

{{/*
common.prometheusRule: the groups of alerts/*.yaml as one PrometheusRule. They tell namespaces apart by themselves, so one
environment on each Prometheus switches them on. `prometheusRule.runbooks` takes the place of `docs/runbooks/`.
*/}}
{{- define "common.prometheusRule" -}}
{{- $rule := .Values.prometheusRule -}}
{{- $groups := list -}}
{{- range $path, $_ := .Files.Glob "alerts/*.yaml" -}}
{{- $groups = concat $groups ($.Files.Get $path | fromYaml).groups -}}
{{- end -}}
{{- if and $rule.enabled $groups }}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ include "common.fullname" . }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- merge (dict) $rule.labels (include "common.labels" . | fromYaml) | toYaml | nindent 4 }}
spec:
  groups:
    {{- toYaml $groups | replace "docs/runbooks/" ($rule.runbooks | default "docs/runbooks/") | nindent 4 }}
{{- end }}
{{- end }}

{{/* common.dashboards: each of dashboards/*.json as a ConfigMap that Grafana's sidecar finds by its label. */}}
{{- define "common.dashboards" -}}
{{- $ := . -}}
{{- if .Values.dashboards.enabled }}
{{- range $path, $_ := .Files.Glob "dashboards/*.json" }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "common.fullname" $ }}-dashboard-{{ base $path | trimSuffix ".json" }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- merge (dict) $.Values.dashboards.labels (include "common.labels" $ | fromYaml) | toYaml | nindent 4 }}
  {{- with $.Values.dashboards.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
data:
  {{ base $path }}: |-
    {{- $.Files.Get $path | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/*
common.monitoring (list context "port"): all three. A chart that has no Service to scrape gives no port: (list . "").
*/}}
{{- define "common.monitoring" -}}
{{- $ := index . 0 -}}
{{- if index . 1 }}
---
{{ include "common.serviceMonitor" . }}
{{- end }}
---
{{ include "common.prometheusRule" $ }}
{{ include "common.dashboards" $ }}
{{- end }}
