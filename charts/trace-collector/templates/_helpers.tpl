{{/* trace-collector.part (list context "agent" values): a context for one part, its values laid over the chart's. */}}
{{- define "trace-collector.part" -}}
{{- $ := index . 0 -}}
{{- $values := mergeOverwrite (deepCopy $.Values) (deepCopy (index . 2)) -}}
{{- dict "Chart" (dict "Name" $.Chart.Name "Version" $.Chart.Version "AppVersion" $.Chart.AppVersion) "Component" (index . 1)
      "Release" (dict "Name" $.Release.Name "Namespace" $.Release.Namespace "Service" $.Release.Service) "Values" $values | toJson -}}
{{- end }}

{{/* trace-collector.files: configuration of the second tier in the order in which it is merged. */}}
{{- define "trace-collector.files" -}}
{{- concat (list "redaction" "base" "sampling" "from-agents") (.Values.buffer.enabled | ternary (list "buffer") list) .Values.backends (list "cluster") | toJson -}}
{{- end }}

{{/*
trace-collector.cluster: what a cluster adds to the files: memory by what the pod may take, and credentials out of mounted Secrets,
which are read again when they change.
*/}}
{{- define "trace-collector.cluster" -}}
{{- $extensions := dict -}}{{- $exporters := dict -}}
{{- if .Values.buffer.enabled -}}
{{- $_ := set $extensions "bearertokenauth/buffer" (dict "filename" "/var/run/fairlead/service-key/key") -}}
{{- $_ := set $exporters "otlp_http/buffer" (dict "headers" (dict "authorization" nil) "auth" (dict "authenticator" "bearertokenauth/buffer")) -}}
{{- end -}}
{{- if and (has "mlflow" .Values.backends) .Values.mlflow.credentials.secret -}}
{{- $_ := set $extensions "bearertokenauth/mlflow" (dict "filename" "/var/run/fairlead/trace-store/authorization" "scheme" "") -}}
{{- $_ := set $exporters "otlp_http/mlflow" (dict "auth" (dict "authenticator" "bearertokenauth/mlflow")) -}}
{{- end -}}
{{- $config := include "trace-collector.memory" . | fromYaml -}}
{{- with $extensions }}{{ $_ := set $config "extensions" . }}{{ end -}}
{{- with $exporters }}{{ $_ := set $config "exporters" . }}{{ end -}}
{{- $_ := set $config "service" (dict "extensions" (concat (list "health_check" "file_storage") (keys $extensions | sortAlpha))) -}}
{{ toYaml $config }}
{{- end }}

{{- define "trace-collector.memory" -}}
processors:
  memory_limiter: {limit_mib: 0, spike_limit_mib: 0, limit_percentage: 80, spike_limit_percentage: 20}
{{- end }}

{{/* trace-collector.pod (list part files env volumes ports): spec of common.pod for a collector. */}}
{{- define "trace-collector.pod" -}}
{{- $ := index . 0 -}}
{{- $arguments := list -}}
{{- range index . 1 }}{{ $arguments = append $arguments (printf "--config=/etc/otelcol/%s.yaml" .) }}{{ end -}}
{{- if has "sampling" (index . 1) -}}
{{- $gates := "processor.tailsamplingprocessor.recordpolicy,processor.tailsamplingprocessor.metricstatcountspanssampled" -}}
{{- $arguments = append $arguments (printf "--feature-gates=%s" $gates) -}}
{{- end -}}
{{- $health := dict "httpGet" (dict "path" "/" "port" "health") "timeoutSeconds" 3 -}}
{{- $env := dict
      "FAIRLEAD_COLLECTOR_HOST" "0.0.0.0"
      "FAIRLEAD_COLLECTOR_DATA" "/var/lib/otelcol"
      "FAIRLEAD_COLLECTOR_QUEUE_SPANS" (toString (int $.Values.queueSpans)) -}}
{{- dict
      "reference" $.Values.collectorImage "command" (list "/otelcol-contrib") "args" $arguments "ports" (index . 4)
      "env" (merge $env (index . 2))
      "probes" (dict
        "startupProbe" (merge (dict "periodSeconds" 1 "failureThreshold" (int $.Values.probes.startSeconds)) $health)
        "livenessProbe" (merge (dict "periodSeconds" 10 "failureThreshold" 6) $health)
        "readinessProbe" (merge (dict "periodSeconds" 3 "failureThreshold" 2) $health))
      "volumes" (merge (index . 3) (dict "tmp" (dict "mountPath" "/tmp" "source" (dict "emptyDir" dict)))) | toJson -}}
{{- end }}

{{/* trace-collector.monitored (list context ports): the part's policy also lets monitoring to these ports. */}}
{{- define "trace-collector.monitored" -}}
{{- $rules := (index . 0).Values.networkPolicy -}}
{{- $from := list }}{{ $ports := list -}}
{{- range $rules.monitoringNamespaces }}{{ $from = append $from (include "common.inNamespace" . | fromYaml) }}{{ end -}}
{{- range index . 1 }}{{ $ports = append $ports (dict "port" . "protocol" "TCP") }}{{ end -}}
{{- concat $rules.ingress ($from | empty | ternary list (list (dict "from" $from "ports" $ports))) | toJson -}}
{{- end }}
