{{/*
common.fairlead (list context spec): the spec of common.pod with what our services are told added by what they use:
  port: 8080            FAIRLEAD_PORT, and `ports: {http: …}`
  uses: [keys, people, serviceKey, database, files, pool, traces, tunables]
Values read: keys, oidc, serviceKeys, database, files, pool, traces, liveConfig, of those that it uses.
*/}}
{{- define "common.fairlead" -}}
{{- $ := index . 0 -}}{{- $spec := deepCopy (index . 1) -}}{{- $values := $.Values -}}{{- $name := include "common.fullname" $ -}}
{{- $env := dict
      "FAIRLEAD_HOST" "0.0.0.0"
      "FAIRLEAD_ENVIRONMENT" (include "common.environment" $)
      "FAIRLEAD_DRAIN_S" ($values.drain.seconds | toString) -}}
{{- with include "common.imageDigest" (list $ ($spec.image | default $.Chart.Name)) }}{{ $_ := set $env "FAIRLEAD_IMAGE_DIGEST" . }}{{ end -}}
{{- $volumes := dict
      "tmp" (dict "mountPath" "/tmp" "source" (dict "emptyDir" dict))
      "state" (dict "mountPath" "/var/lib/fairlead" "source" (dict "emptyDir" dict)) -}}
{{- with $spec.port }}
{{- $_ := set $env "FAIRLEAD_PORT" (toString .) }}
{{- $_ := set $spec "ports" (dict "http" .) }}
{{- end }}
{{- if has "keys" $spec.uses }}
{{- $_ := set $env "FAIRLEAD_AUTH" "keys" }}
{{- $_ := set $env "FAIRLEAD_KEYS_FILE" "/var/run/fairlead/api-keys/keys.json" }}
{{- $_ := set $volumes "api-keys" (dict "mountPath" "/var/run/fairlead/api-keys" "readOnly" true
      "source" (dict "secret" (dict "secretName" $values.keys.secret "defaultMode" 0440))) }}
{{- end }}
{{- if and (has "people" $spec.uses) $values.oidc.issuer }}
{{- $_ := set $env "FAIRLEAD_AUTH" "oidc" }}
{{- $_ := set $env "FAIRLEAD_OIDC_ISSUER" $values.oidc.issuer }}
{{- $_ := set $env "FAIRLEAD_OIDC_AUDIENCE" (required (printf "%s: oidc.issuer without oidc.audience: say what tokens must be meant for" $.Chart.Name) $values.oidc.audience) }}
{{- with $values.oidc.tenantClaim }}{{ $_ := set $env "FAIRLEAD_OIDC_TENANT_CLAIM" . }}{{ end }}
{{- with $values.oidc.groupsClaim }}{{ $_ := set $env "FAIRLEAD_OIDC_GROUPS_CLAIM" . }}{{ end }}
{{- with $values.oidc.keysUrl }}{{ $_ := set $env "FAIRLEAD_OIDC_KEYS_URL" . }}{{ end }}
{{- end }}
{{- if has "serviceKey" $spec.uses }}
{{- $_ := set $env "FAIRLEAD_SERVICE_KEY_FILE" "/var/run/fairlead/service-key/key" }}
{{- /* Only its own of the Secret's keys. */}}
{{- $items := list (dict "key" ($values.serviceKeys.key | default $.Chart.Name) "path" "key") }}
{{- $_ := set $volumes "service-key" (dict "mountPath" "/var/run/fairlead/service-key" "readOnly" true
      "source" (dict "secret" (dict "secretName" $values.serviceKeys.secret "defaultMode" 0440 "items" $items))) }}
{{- end }}
{{- if has "database" $spec.uses }}
{{- $_ := set $env "FAIRLEAD_DATABASE_URL" (dict "secret" $values.database.secret "key" $values.database.urlKey) }}
{{- end }}
{{- if has "files" $spec.uses }}
{{- $_ := set $env "FAIRLEAD_OBJECTS_URL" ($values.files.url | default "file:///var/lib/fairlead/files") }}
{{- if not $values.files.url }}
{{- $_ := set $volumes "files" (dict "mountPath" "/var/lib/fairlead/files"
      "source" (dict "persistentVolumeClaim" (dict "claimName" $values.files.claim))) }}
{{- end }}
{{- end }}
{{- if has "pool" $spec.uses }}{{ $_ := set $env "FAIRLEAD_POOL_URL" $values.pool.url }}{{ end }}
{{- if and (has "traces" $spec.uses) $values.traces.endpoint }}
{{- $_ := set $env "FAIRLEAD_OTLP_ENDPOINT" $values.traces.endpoint }}
{{- end }}
{{- if has "tunables" $spec.uses }}
{{- $_ := set $env "FAIRLEAD_CONFIG_FILE" "/etc/fairlead/config" }}
{{- $_ := set $volumes "tunables" (dict "mountPath" "/etc/fairlead/config" "readOnly" true
      "source" (dict "configMap" (dict "name" (printf "%s-tunables" $name)))) }}
{{- if $values.liveConfig.watch }}
{{- $_ := set $env "FAIRLEAD_CONFIG_MAP" (printf "%s-tunables" $name) }}
{{- $_ := set $env "FAIRLEAD_LAST_GOOD_CONFIG_MAP" (printf "%s-last-good" $name) }}
{{- $_ := set $spec "token" true }}
{{- else }}
{{- $_ := set $env "FAIRLEAD_LAST_GOOD_DIR" "/var/lib/fairlead" }}
{{- end }}
{{- end }}
{{- $_ := set $spec "env" (mergeOverwrite $env ($spec.env | default dict)) }}
{{- $_ := set $spec "volumes" (mergeOverwrite $volumes ($spec.volumes | default dict)) }}
{{- toYaml $spec }}
{{- end }}

{{/*
common.deployment (list context spec): the Deployment of one of our services, without a gap in serving when it changes.
*/}}
{{- define "common.deployment" -}}
{{- $ := index . 0 -}}
apiVersion: apps/v1
kind: Deployment
{{ include "common.metadata" $ }}
spec:
  {{- with include "common.replicas" $ | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  revisionHistoryLimit: 5
  # Then Argo CD gives a bad version up, and takes the commit that mends it. Pulling an image is part of the time.
  progressDeadlineSeconds: {{ add $.Values.probes.startSeconds 120 }}
  strategy:
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels:
      {{- include "common.selectorLabels" $ | nindent 6 }}
  template:
    {{- include "common.pod" . | nindent 4 }}
{{- end }}

{{/*
common.app (list context spec network load): everything of one service but its tunables: pods, Service, account, disruption
budget, autoscaler, network policy, monitoring, external secrets. `spec` is of common.fairlead, `network` of common.networkPolicy,
`load` of common.autoscaler; with `workload: none` in the spec the chart writes the pods itself.
*/}}
{{- define "common.app" -}}
{{- $ := index . 0 -}}{{- $spec := include "common.fairlead" (list $ (index . 1)) | fromYaml -}}
{{- if ne ($spec.workload | default "") "none" }}
---
{{ include "common.deployment" (list $ $spec) }}
{{- end }}
---
{{ include "common.service" (list $ $spec.ports) }}
---
{{ include "common.serviceAccount" $ }}
---
{{ include "common.podDisruptionBudget" $ }}
---
{{ include "common.autoscaler" (list $ (index . 3)) }}
---
{{ include "common.networkPolicy" (list $ (merge (index . 2) (dict "ports" $spec.ports))) }}
{{ include "common.monitoring" (list $ "http") }}
{{ include "common.externalSecrets" $ }}
{{- end }}
