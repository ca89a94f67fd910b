{{/*
Live configuration: a ConfigMap that is mounted as a directory and, with `liveConfig.watch`, also read from the API server, so
that an edit is effective in every pod within two seconds and without a restart.
*/}}

{{/*
common.tunables (list context data [rules]): the ConfigMap of {FILE: text}, an empty one for the last good configuration, and
the right to read these two and to write the second; `rules` are further ones of the Role.
*/}}
{{- define "common.tunables" -}}
{{- $ := index . 0 -}}{{- $name := include "common.fullname" $ -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}-tunables
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
  {{- with merge dict $.Values.liveConfig.annotations (include "common.admissionMark" $ | fromYaml) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
data:
  {{- index . 1 | toYaml | nindent 2 }}
{{- if $.Values.liveConfig.watch }}
---
# Written by the pods: what a new pod starts on when the configuration of the moment is not valid.
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}-last-good
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
{{ include "common.metadata" $ }}
rules:
  - apiGroups: [""]
    resources: [configmaps]
    resourceNames: [{{ $name }}-tunables, {{ $name }}-last-good]
    verbs: [get, list, watch]
  - apiGroups: [""]
    resources: [configmaps]
    resourceNames: [{{ $name }}-last-good]
    verbs: [patch, update]
  {{- with slice . 2 | first }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
{{ include "common.metadata" $ }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ $.Release.Namespace }}
{{- end }}
{{- end }}

{{/*
common.flatTunables: `tunables` of the values as {dotted path: text} in YAML. A list, and a map whose keys are names of the
user's own (listed in the generated tunables/open.yaml), is one key with JSON in it; so is null.
*/}}
{{- define "common.flatTunables" -}}
{{- $open := .Files.Get "tunables/open.yaml" | fromYamlArray -}}
{{- include "common.flat" (list "" .Values.tunables $open) -}}
{{- end }}

{{- define "common.flat" -}}
{{- $path := index . 0 -}}{{- $open := index . 2 -}}
{{- range $key, $value := index . 1 }}
{{- $own := $path | empty | ternary $key (printf "%s.%s" $path $key) }}
{{- if and (kindIs "map" $value) (not (has $own $open)) }}
{{- include "common.flat" (list $own $value $open) }}
{{- else }}
{{ $own }}: {{ kindIs "string" $value | ternary $value (toJson $value) | toJson }}
{{- end }}
{{- end }}
{{- end }}
