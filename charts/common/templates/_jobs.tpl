{{/*
common.job (list context spec): a Job that Argo CD and Helm run at their moment, with a policy for its pods. `spec` is of
common.pod, and has a name; besides:
  hook: [Sync, "-1", "post-install,post-upgrade"]   Argo CD's hook, the wave (and Helm's weight), Helm's hooks
  network: {…}                                      of common.networkPolicy
  deadlineSeconds: 900                              for all attempts together
  attempts: 4
*/}}
{{- define "common.job" -}}
{{- $ := index . 0 -}}{{- $spec := index . 1 -}}
{{ include "common.jobNetwork" . }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "common.fullname" $ }}-{{ $spec.name }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
  annotations:
    {{- include "common.hook" $spec.hook | nindent 4 }}
spec:
  backoffLimit: {{ sub ($spec.attempts | default 4 | int) 1 }}
  activeDeadlineSeconds: {{ $spec.deadlineSeconds | default 900 | int }}
  template:
    {{- include "common.pod" (list $ (merge (dict "restartPolicy" "Never") $spec)) | nindent 4 }}
{{- end }}

{{/* common.cronJob (list context spec): the same at times, `schedule: "17 3 * * *"` in UTC; one at a time. */}}
{{- define "common.cronJob" -}}
{{- $ := index . 0 -}}{{- $spec := index . 1 -}}
{{ include "common.jobNetwork" . }}
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ include "common.fullname" $ }}-{{ $spec.name }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
spec:
  schedule: {{ $spec.schedule | quote }}
  timeZone: Etc/UTC
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: {{ $spec.deadlineSeconds | default 900 | int }}
      template:
        {{- include "common.pod" (list $ (merge (dict "restartPolicy" "Never") $spec)) | nindent 8 }}
{{- end }}

{{- define "common.jobNetwork" -}}
{{- $ := index . 0 -}}{{- $spec := index . 1 -}}
{{- $own := dict "name" $spec.name "selector" (include "common.jobLabels" (list $ $spec.name)) -}}
{{- /* A Job that Helm runs before anything else is there takes its policy along. */ -}}
{{- with $spec.hook }}
{{- if contains "pre-" (index . 2) }}
{{- $_ := set $own "annotations" (include "common.hook" (list (index . 0) (sub (index . 1 | int) 1 | toString) (index . 2))) -}}
{{- end }}
{{- end -}}
{{ include "common.networkPolicy" (list $ (merge $own ($spec.network | default dict))) }}
{{- end }}

{{/* common.hook (list "Argo CD's hook" "wave" "Helm's hooks"): annotations. Argo CD looks at Helm's only where its own are missing. */}}
{{- define "common.hook" -}}
argocd.argoproj.io/hook: {{ index . 0 }}
argocd.argoproj.io/hook-delete-policy: BeforeHookCreation
argocd.argoproj.io/sync-wave: {{ index . 1 | quote }}
helm.sh/hook: {{ index . 2 }}
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation
{{- end }}

{{/*
common.claim (list context name {size, class, accessModes} [wave]): a PersistentVolumeClaim that outlives its release: neither
Helm nor Argo CD removes it. Who wants the data gone deletes it by hand. Its wave is that of the first pod that mounts it: a volume
may be made only then, and Argo CD waits for a claim before it begins a later wave. For the same reason its health says nothing.
*/}}
{{- define "common.claim" -}}
{{- $ := index . 0 -}}{{- $storage := index . 2 -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ index . 1 }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
  annotations:
    {{- include "common.kept" . | nindent 4 }}
    argocd.argoproj.io/sync-wave: {{ slice . 3 | first | default "0" | quote }}
    argocd.argoproj.io/ignore-healthcheck: "true"
spec:
  accessModes:
    {{- $storage.accessModes | default (list "ReadWriteOnce") | toYaml | nindent 4 }}
  {{- with $storage.class }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ $storage.size }}
{{- end }}

{{/* common.kept: annotations of what outlives its chart; that Git no longer has it is no difference to Argo CD. */}}
{{- define "common.kept" -}}
helm.sh/resource-policy: keep
argocd.argoproj.io/sync-options: Prune=false,Delete=false
argocd.argoproj.io/compare-options: IgnoreExtraneous
{{- end }}
