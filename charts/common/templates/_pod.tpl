{{/*
common.pod (list context spec): `metadata:` and `spec:` of a pod template. The spec is a dict:
  image: orchestrator                  which of our images; or `reference:` a whole image reference
  command, args: […]                   where the image's own are not meant
  ports: {http: 8080}                  the first that is called http is probed
  probes: {…}                          raw probes by their keys in a container; none: /livez and /readyz of `http`; `off: true`: no probes
  env: {NAME: text or {secret: NAME, key: KEY, optional: false}}
  volumes: {NAME: {mountPath: /…, readOnly: true, source: {emptyDir: {}}}}    `mountPath` absent: not mounted in the main container; `source`
                                       absent: a claim of the StatefulSet's own
  resources: {…}                       instead of the profile's
  token: true                          the pod speaks to the API server: mount its token
  account: ""                          service account; none: the release's own
  restartPolicy: Never                 of Jobs; they get neither drain nor spread
  initContainers, sidecars: […]        raw containers
  checksum: text                       start-up configuration: another text is a new pod. Never for what is read again live.
*/}}
{{- define "common.pod" -}}
{{- $ := index . 0 -}}{{- $spec := index . 1 -}}{{- $values := $.Values -}}{{- $job := $spec.restartPolicy -}}
metadata:
  labels:
    {{- if $job }}
    {{- include "common.jobLabels" (list $ $spec.name) | nindent 4 }}
    {{- else }}
    {{- include "common.podLabels" $ | nindent 4 }}
    {{- end }}
  {{- if or $values.podAnnotations $spec.checksum }}
  annotations:
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $spec.checksum }}
    checksum/start: {{ sha256sum . }}
    {{- end }}
  {{- end }}
spec:
  {{- if not (and $job (not $spec.account)) }}
  serviceAccountName: {{ $spec.account | default (include "common.fullname" $) }}
  {{- end }}
  automountServiceAccountToken: {{ $spec.token | default false }}
  enableServiceLinks: false
  {{- with $job }}
  restartPolicy: {{ . }}
  {{- else }}
  terminationGracePeriodSeconds: {{ add $values.drain.noticeSeconds $values.drain.seconds 10 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with concat ((($values.global).image).pullSecrets | default list) $values.image.pullSecrets | uniq }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "common.podSecurity" $ | nindent 4 }}
  {{- if not $job }}
  topologySpreadConstraints:
    {{- range $key, $unsatisfiable := dict "kubernetes.io/hostname" $values.topologySpread.whenUnsatisfiable "topology.kubernetes.io/zone" "ScheduleAnyway" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: {{ $unsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "common.selectorLabels" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" }}
  {{- with get $values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with $spec.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ $spec.name | default $.Component | default $.Chart.Name }}
      {{- include "common.container" (list $ $spec) | nindent 6 }}
    {{- with $spec.sidecars }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $spec.volumes }}
  volumes:
    {{- range $name, $volume := . }}
    {{- with $volume.source }}
    - name: {{ $name }}
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* common.container (list context spec): the main container without its name; keys as in common.pod. */}}
{{- define "common.container" -}}
{{- $ := index . 0 -}}{{- $spec := index . 1 -}}{{- $values := $.Values -}}
image: {{ $spec.reference | default (include "common.image" (list $ ($spec.image | default $.Chart.Name))) }}
imagePullPolicy: {{ (($values.global).image).pullPolicy | default $values.image.pullPolicy }}
{{- with $spec.command }}
command:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $spec.args }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $spec.ports }}
ports:
  {{- range $name, $port := . }}
  - name: {{ $name }}
    containerPort: {{ $port | int }}
    protocol: TCP
  {{- end }}
{{- end }}
{{- with mergeOverwrite (dict) ($spec.env | default dict) ($values.env | default dict) }}
env:
  {{- include "common.env" . | nindent 2 }}
{{- end }}
{{- if not (or $spec.restartPolicy ($spec.probes).off) }}
{{- with $spec.probes }}
{{ toYaml . }}
{{- else }}
{{ include "common.probes" $ }}
{{- end }}
lifecycle:
  # While it sleeps the pod is taken out of every load balancer and still serves. Needs no shell in the image.
  preStop:
    sleep:
      seconds: {{ $values.drain.noticeSeconds | int }}
{{- end }}
resources:
  {{- if $spec.resources }}
  {{- toYaml $spec.resources | nindent 2 }}
  {{- else }}
  {{- include "common.resources" $ | nindent 2 }}
  {{- end }}
securityContext:
  {{- include "common.containerSecurity" $ | nindent 2 }}
{{- $mounts := list }}
{{- range $name, $volume := $spec.volumes }}
{{- if $volume.mountPath }}
{{- $mounts = append $mounts (mergeOverwrite (dict "name" $name) (omit $volume "source")) }}
{{- end }}
{{- end }}
{{- with $mounts }}
volumeMounts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* common.env: a list for `env:` out of {NAME: text} and {NAME: {secret, key, optional}}, in the order of names. */}}
{{- define "common.env" -}}
{{- $first := true }}
{{- range $name, $value := . }}
{{- if $first }}{{ $first = false }}{{ else }}{{ "\n" }}{{ end -}}
- name: {{ $name }}
  {{- if kindIs "map" $value }}
  {{- if $value.secret }}
  valueFrom:
    secretKeyRef:
      name: {{ $value.secret }}
      key: {{ $value.key }}
      {{- if $value.optional }}
      optional: true
      {{- end }}
  {{- else }}
  {{- toYaml $value | nindent 2 }}
  {{- end }}
  {{- else }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* common.probes: started, alive, ready. None looks at a dependency: its fault must not restart anything. */}}
{{- define "common.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: {{ .Values.probes.startSeconds | int }}
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 3
  timeoutSeconds: 2
  failureThreshold: 2
{{- end }}

{{/* common.resources: `resources` where given, else those of the profile. */}}
{{- define "common.resources" -}}
{{- $profile := .Values.profile | default (.Values.global).profile | default "small" -}}
{{- if .Values.resources -}}
{{ toYaml .Values.resources }}
{{- else if hasKey .Values.profiles $profile -}}
{{ get .Values.profiles $profile | toYaml }}
{{- else -}}
{{- fail (printf "%s: profile is %q: choose one of %s, or set resources" .Chart.Name $profile (keys .Values.profiles | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end }}

{{/* common.podSecurity: what Pod Security `restricted` asks of a pod; `podSecurityContext` is laid over it. */}}
{{- define "common.podSecurity" -}}
{{- $restricted := dict "runAsNonRoot" true "runAsUser" 10001 "runAsGroup" 10001 "fsGroup" 10001
      "fsGroupChangePolicy" "OnRootMismatch" "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{ mergeOverwrite $restricted (deepCopy (.Values.podSecurityContext | default dict)) | toYaml }}
{{- end }}

{{/* common.containerSecurity: the same of a container. */}}
{{- define "common.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* common.jobLabels (list context "name"): labels of a Job's pods: no Service and no PodDisruptionBudget picks them. */}}
{{- define "common.jobLabels" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ $.Chart.Name }}-{{ index . 1 }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/part-of: fairlead
{{- end }}
