{{/*
Objects that go with a pod. Each takes a context (see _names.tpl) and reads its values; those behind a switch render nothing
while it is off.
*/}}

{{/*
common.service (list context ports): Service for {NAME: port}; with `headless: true` among the third argument's keys without
an address of its own, and `publish: true` for pods that are not ready, too.
*/}}
{{- define "common.service" -}}
{{- $ := index . 0 -}}{{- $options := len . | eq 3 | ternary (last .) dict -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "common.fullname" $ }}{{ with $options.suffix }}-{{ . }}{{ end }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
  annotations:
    {{- include "common.first" $ | nindent 4 }}
spec:
  type: ClusterIP
  {{- if $options.headless }}
  clusterIP: None
  {{- end }}
  {{- if $options.publish }}
  publishNotReadyAddresses: true
  {{- end }}
  selector:
    {{- include "common.selectorLabels" $ | nindent 4 }}
  ports:
    {{- range $name, $port := index . 1 }}
    - name: {{ $name }}
      port: {{ $port | int }}
      targetPort: {{ $name }}
      protocol: TCP
      {{- if eq $name "http" }}
      appProtocol: http
      {{- end }}
    {{- end }}
{{- end }}

{{/* common.serviceAccount: its token is mounted by no pod that does not ask for it. */}}
{{- define "common.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
{{ include "common.metadata" . }}
  annotations:
    {{- include "common.first" . | nindent 4 }}
    {{- with .Values.serviceAccount.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
automountServiceAccountToken: false
{{- end }}

{{/* common.podDisruptionBudget: at most so many pods are moved at a time; one replica can still be drained. */}}
{{- define "common.podDisruptionBudget" -}}
{{- if .Values.podDisruptionBudget.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
{{ include "common.metadata" . }}
spec:
  maxUnavailable: {{ .Values.podDisruptionBudget.maxUnavailable }}
  # A pod that is not ready holds up no drain: it serves nobody.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "common.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end }}

{{/*
common.autoscaler (list context load): scales the Deployment, or the Rollout, by what is being done, not by what it costs.
`load` says it: {metric: a metric of each pod, query: PromQL of the whole load, with NAMESPACE in it}.
  autoscaling.by: custom-metric   HorizontalPodAutoscaler on the pods' metric: needs an adapter for custom.metrics.k8s.io
                  keda            ScaledObject that asks Prometheus: needs KEDA
                  cpu             HorizontalPodAutoscaler on CPU: needs only metrics-server. A stream that waits for its model
                                  costs no CPU, so this one adds pods later.
*/}}
{{- define "common.autoscaler" -}}
{{- $ := index . 0 -}}{{- $load := index . 1 -}}{{- $scale := $.Values.autoscaling -}}
{{- $rollout := (($.Values.rollout).enabled | default false) -}}
{{- if $scale.enabled }}
{{- if gt ($scale.minReplicas | int) ($scale.maxReplicas | int) }}
{{- fail (printf "%s: autoscaling.minReplicas (%v) is more than autoscaling.maxReplicas (%v)" $.Chart.Name $scale.minReplicas $scale.maxReplicas) }}
{{- end }}
{{- $behavior := dict
      "scaleUp" (dict "stabilizationWindowSeconds" 0 "policies" (list (dict "type" "Percent" "value" 100 "periodSeconds" 15)))
      "scaleDown" (dict "stabilizationWindowSeconds" ($scale.scaleDownAfterSeconds | int) "policies" (list (dict "type" "Pods" "value" 1 "periodSeconds" 60))) }}
{{- if eq $scale.by "keda" }}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
{{ include "common.metadata" $ }}
spec:
  scaleTargetRef:
    apiVersion: {{ $rollout | ternary "argoproj.io/v1alpha1" "apps/v1" }}
    kind: {{ $rollout | ternary "Rollout" "Deployment" }}
    name: {{ include "common.fullname" $ }}
  minReplicaCount: {{ $scale.minReplicas | int }}
  maxReplicaCount: {{ $scale.maxReplicas | int }}
  # Prometheus away: so many stay as there are, and no pod is taken from traffic that nobody measures.
  fallback:
    failureThreshold: 3
    replicas: {{ $scale.minReplicas | int }}
    behavior: currentReplicasIfHigher
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        {{- toYaml $behavior | nindent 8 }}
  triggers:
    - type: prometheus
      metricType: AverageValue
      metadata:
        serverAddress: {{ $scale.prometheus | quote }}
        query: {{ $load.query | replace "NAMESPACE" $.Release.Namespace | quote }}
        threshold: {{ $scale.targetPerPod | quote }}
{{- else }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
{{ include "common.metadata" $ }}
spec:
  scaleTargetRef:
    apiVersion: {{ $rollout | ternary "argoproj.io/v1alpha1" "apps/v1" }}
    kind: {{ $rollout | ternary "Rollout" "Deployment" }}
    name: {{ include "common.fullname" $ }}
  minReplicas: {{ $scale.minReplicas | int }}
  maxReplicas: {{ $scale.maxReplicas | int }}
  behavior:
    {{- toYaml $behavior | nindent 4 }}
  metrics:
    {{- if eq $scale.by "cpu" }}
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ $scale.cpuPercent | int }}}
    {{- else }}
    - type: Pods
      pods:
        metric: {name: {{ $load.metric }}}
        target: {type: AverageValue, averageValue: {{ $scale.targetPerPod | quote }}}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* common.replicas: `replicas:` of a Deployment or StatefulSet; absent where an autoscaler says it. */}}
{{- define "common.replicas" -}}
{{- if not (.Values.autoscaling).enabled }}
replicas: {{ .Values.replicas | int }}
{{- end }}
{{- end }}

{{/*
common.externalSecrets: one ExternalSecret for each entry of `externalSecrets.secrets`, {SECRET: {KEY: remote key, or
{key, property}}}, or {SECRET: {"*": remote key}} for every key that the remote one has. Each Secret is made by one chart:
fairlead-database by vector-store, fairlead-trace-store by trace-store, fairlead-model-keys by llm-proxy, the keys of the API and
of the services by platform.
*/}}
{{- define "common.externalSecrets" -}}
{{- $ := . -}}{{- $external := .Values.externalSecrets -}}
{{- if $external.enabled }}
{{- if not $external.store.name }}
{{- fail (printf "%s: externalSecrets.enabled needs externalSecrets.store.name: the SecretStore to read from" .Chart.Name) }}
{{- end }}
{{- range $secret, $keys := $external.secrets }}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ $secret }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
  annotations:
    argocd.argoproj.io/sync-wave: "-3"
spec:
  refreshInterval: {{ $external.refreshInterval }}
  secretStoreRef:
    kind: {{ $external.store.kind }}
    name: {{ $external.store.name }}
  target:
    name: {{ $secret }}
    creationPolicy: Owner
    # A store that loses a key must not take it from pods that run.
    deletionPolicy: Retain
  {{- /* What the server would fill in is written out, or Argo CD would see a difference for ever. */}}
  {{- $fixed := dict "conversionStrategy" "Default" "decodingStrategy" "None" "metadataPolicy" "None" }}
  {{- if hasKey $keys "*" }}
  dataFrom:
    - extract:
        {{- merge (dict "key" (printf "%s%s" $external.prefix (get $keys "*"))) $fixed | toYaml | nindent 8 }}
  {{- else }}
  data:
    {{- range $key, $remote := $keys }}
    {{- $remote = kindIs "map" $remote | ternary $remote (dict "key" $remote) }}
    - secretKey: {{ $key }}
      remoteRef:
        {{- merge (dict "key" (printf "%s%s" $external.prefix $remote.key)) (omit $remote "key") $fixed | toYaml | nindent 8 }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
