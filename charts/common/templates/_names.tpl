{{/*
Names, labels and images. Every template here takes a context: the chart's own `.`, or, where a chart has several parts,
a copy of it with `Component` and the part's values over the chart's:
  {{- $gateway := dict "Chart" .Chart "Release" .Release "Files" .Files "Capabilities" .Capabilities "Template" .Template
        "Component" "gateway" "Values" (mergeOverwrite (deepCopy .Values) .Values.gateway) }}
*/}}

{{/* common.fullname: what objects are called: the release where that names the chart, else release-chart; then the part. */}}
{{- define "common.fullname" -}}
{{- $base := contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) -}}
{{- with .Component }}{{ $base = printf "%s-%s" ($base | trunc 40 | trimSuffix "-") . }}{{ end -}}
{{- $base | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{/* common.selectorLabels: what picks the pods; it never changes while the release lives. */}}
{{- define "common.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- with .Component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* common.podLabels: those of pods. No version of the chart among them: a new one alone must not restart anything. */}}
{{- define "common.podLabels" -}}
{{ include "common.selectorLabels" . }}
app.kubernetes.io/part-of: fairlead
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* common.labels: those of every object. */}}
{{- define "common.labels" -}}
{{ include "common.selectorLabels" . }}
app.kubernetes.io/part-of: fairlead
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/*
common.image (list context "name"): the reference of one of our images, `registry/fairlead-name:tag` or `@digest`.
`global.image` (written by a release for a whole environment) goes before the chart's own `image`; no tag: the chart's
appVersion. `image.repository` is a full repository of another name, with the chart's own tag or digest.
*/}}
{{- define "common.image" -}}
{{- $ := index . 0 -}}{{- $image := $.Values.image -}}{{- $name := $image.name | default (index . 1) -}}
{{- $shared := ($.Values.global).image | default dict -}}
{{- if $image.repository }}{{ $shared = dict }}{{ end -}}
{{- $repository := $image.repository | default (printf "%s/fairlead-%s" ($shared.registry | default $image.registry) $name) -}}
{{- $tag := $shared.tag | default $image.tag | default $.Chart.AppVersion | toString -}}
{{- if eq $tag "latest" -}}
{{- fail (printf "%s: image.tag is `latest`, which says nothing of what runs and cannot be rolled back: name a version, a commit, or a digest" $.Chart.Name) -}}
{{- end -}}
{{- $pinned := include "common.imagePinned" . -}}
{{- with include "common.imageDigest" . -}}
{{ $repository }}@{{ . }}
{{- else -}}
{{ $repository }}:{{ $pinned | default $tag }}
{{- end -}}
{{- end }}

{{/* common.imagePinned (list context "name"): the tag of an image that no release changes; empty for the others. */}}
{{- define "common.imagePinned" -}}
{{- $ := index . 0 -}}{{- $image := $.Values.image -}}
{{- if not $image.repository }}{{ get ($image.pinned | default dict) ($image.name | default (index . 1)) }}{{ end -}}
{{- end }}

{{/* common.imageDigest (list context "name"): that image's digest; empty where it is known by its tag. */}}
{{- define "common.imageDigest" -}}
{{- $ := index . 0 -}}{{- $image := $.Values.image -}}{{- $name := $image.name | default (index . 1) -}}
{{- $shared := ($.Values.global).image | default dict -}}
{{- if $image.repository }}{{ $shared = dict }}{{ end -}}
{{- /* A tag that a release wrote without a digest must not be overruled by the digest of an older image. */ -}}
{{- $own := not $shared.tag | ternary $image.digest "" -}}
{{- if not (include "common.imagePinned" .) }}{{ get ($shared.digests | default dict) $name | default $own }}{{ end -}}
{{- end }}

{{/* common.environment: dev, test, prod…; where nobody says, what the namespace is called after `fairlead-`. */}}
{{- define "common.environment" -}}
{{- .Values.environment | default (.Values.global).environment | default (trimPrefix "fairlead-" .Release.Namespace) -}}
{{- end }}

{{/*
common.first: the annotation of what pods need before they are there. In Argo CD pods have waves (database -2, migration -1, the
rest 0), and a wave waits until the one before it is well: which it never is without an account, a Service or a policy.
*/}}
{{- define "common.first" -}}
argocd.argoproj.io/sync-wave: "-4"
{{- end }}

{{/* common.metadata: `metadata:` of an object that is called as the release is. */}}
{{- define "common.metadata" -}}
metadata:
  name: {{ include "common.fullname" . }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
{{- end }}
