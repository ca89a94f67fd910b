{{/*
common.networkPolicy (list context spec): the pods' own rules in both directions; what is not named is denied.
  ports: {http: 8080}                        what the pods listen on; `http`, or `metricsPort`, is open to monitoring
  from: [{peer: orchestrator, ports: [http]}]     charts whose pods may call, and which ports
  entry: [http]                              ports that the ingress or gateway may reach
  to: [{peer: llm-proxy, port: 8081}]        charts whose pods are called
  database, apiServer, internet: true        further places that are called; internet is `networkPolicy.internet`
  selector, name, annotations: of a Job: {labels}, suffix, text
Peers are found by their labels in this namespace and in those that `networkPolicy.namespaces` names.
*/}}
{{- define "common.networkPolicy" -}}
{{- $ := index . 0 -}}{{- $spec := index . 1 -}}{{- $rules := $.Values.networkPolicy -}}
{{- if $rules.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "common.fullname" $ }}{{ with $spec.name }}-{{ . }}{{ end }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
  annotations:
    {{- $spec.annotations | default (include "common.first" $) | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- $spec.selector | default (include "common.selectorLabels" $) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- $ingress := list }}
  {{- range $spec.from }}
  {{- $ports := list }}
  {{- range .ports }}{{ $ports = append $ports (dict "port" . "protocol" "TCP") }}{{ end }}
  {{- $ingress = append $ingress (dict "from" (include "common.peers" (list $ .peer) | fromYamlArray) "ports" $ports) }}
  {{- end }}
  {{- with $spec.entry }}
  {{- $ports := list }}
  {{- range . }}{{ $ports = append $ports (dict "port" . "protocol" "TCP") }}{{ end }}
  {{- $from := list }}
  {{- range $rules.entryNamespaces }}{{ $from = append $from (include "common.inNamespace" . | fromYaml) }}{{ end }}
  {{- if $from }}{{ $ingress = append $ingress (dict "from" $from "ports" $ports) }}{{ end }}
  {{- end }}
  {{- $metrics := $spec.metricsPort | default (hasKey ($spec.ports | default dict) "http" | ternary "http" "") }}
  {{- if and $metrics $rules.monitoringNamespaces }}
  {{- $from := list }}
  {{- range $rules.monitoringNamespaces }}{{ $from = append $from (include "common.inNamespace" . | fromYaml) }}{{ end }}
  {{- $ingress = append $ingress (dict "from" $from "ports" (list (dict "port" $metrics "protocol" "TCP"))) }}
  {{- end }}
  ingress:
    {{- concat $ingress $rules.ingress | default list | toYaml | nindent 4 }}
  {{- $tcp := dict "protocol" "TCP" }}
  {{- $egress := list (dict
        "to" (list (merge (dict "podSelector" (dict "matchLabels" $rules.dns.podLabels)) (include "common.inNamespace" $rules.dns.namespace | fromYaml)))
        "ports" (list (dict "port" 53 "protocol" "UDP") (dict "port" 53 "protocol" "TCP"))) }}
  {{- range $spec.to }}
  {{- $egress = append $egress (dict "to" (include "common.peers" (list $ .peer) | fromYamlArray) "ports" (list (dict "port" (int .port) "protocol" "TCP"))) }}
  {{- end }}
  {{- if $spec.database }}
  {{- $to := list }}
  {{- range $.Values.database.cidrs }}{{ $to = append $to (dict "ipBlock" (dict "cidr" .)) }}{{ end }}
  {{- $to = $to | default (include "common.peers" (list $ "vector-store") | fromYamlArray) }}
  {{- $egress = append $egress (dict "to" $to "ports" (list (dict "port" ($.Values.database.port | int) "protocol" "TCP"))) }}
  {{- end }}
  {{- range $place := list "apiServer" "internet" }}
  {{- if get $spec $place }}
  {{- $rule := get $rules $place }}
  {{- $to := list }}{{ $ports := list }}
  {{- range $rule.cidrs }}{{ $to = append $to (dict "ipBlock" (merge (dict "cidr" .) (not $rule.except | ternary dict (dict "except" $rule.except)))) }}{{ end }}
  {{- range $rule.ports }}{{ $ports = append $ports (dict "port" (int .) "protocol" "TCP") }}{{ end }}
  {{- if $to }}{{ $egress = append $egress (dict "to" $to "ports" $ports) }}{{ end }}
  {{- end }}
  {{- end }}
  egress:
    {{- concat $egress $rules.egress | default list | toYaml | nindent 4 }}
{{- end }}
{{- end }}

{{/*
common.peers (list context "chart"): peers of a rule: that chart's pods here and in the namespaces that are named for it;
"chart/part" those of one part alone.
*/}}
{{- define "common.peers" -}}
{{- $ := index . 0 -}}{{- $part := splitn "/" 2 (index . 1) -}}{{- $name := $part._0 -}}
{{- $labels := dict "app.kubernetes.io/name" $name "app.kubernetes.io/part-of" "fairlead" -}}
{{- with $part._1 }}{{ $_ := set $labels "app.kubernetes.io/component" . }}{{ end -}}
{{- $pods := dict "podSelector" (dict "matchLabels" $labels) -}}
{{- $peers := list $pods -}}
{{- range get $.Values.networkPolicy.namespaces $name | default list -}}
{{- $peers = append $peers (merge (include "common.inNamespace" . | fromYaml) $pods) -}}
{{- end -}}
{{ toYaml $peers }}
{{- end }}

{{/* common.inNamespace "name": selector of a namespace by the name that Kubernetes itself labels it with. */}}
{{- define "common.inNamespace" -}}
namespaceSelector:
  matchLabels:
    kubernetes.io/metadata.name: {{ . }}
{{- end }}
