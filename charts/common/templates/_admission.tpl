{{/*
common.admission: with `admissionPolicy.enabled` the API server itself refuses a tunable that the service would refuse, so that
`kubectl edit` says why at once. The rules are generated from the service's model: tunables/admission.yaml. The policy and its
binding are not namespaced; they are about this release's ConfigMap alone.
*/}}
{{- define "common.admission" -}}
{{- if .Values.admissionPolicy.enabled }}
{{- $map := printf "%s-tunables" (include "common.fullname" .) -}}
{{- $name := printf "%s-%s" .Release.Namespace $map -}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ $name }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: {{ .Release.Namespace }}
    resourceRules:
      - apiGroups: [""]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [configmaps]
        resourceNames: [{{ $map }}]
  # Tunables of another version are written by its upgrade a moment before its rules take the place of these.
  matchConditions:
    - name: of-these-rules
      expression: >-
        !has(object.metadata.annotations) ||
        !('fairlead/tunables-rules' in object.metadata.annotations) ||
        object.metadata.annotations['fairlead/tunables-rules'] == '{{ include "common.admissionRules" . }}'
  variables:
    - name: data
      expression: "has(object.data) ? object.data : {}"
  validations:
    {{- .Files.Get "tunables/admission.yaml" | nindent 4 }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  policyName: {{ $name }}
  validationActions: [Deny]
  matchResources:
    namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: {{ .Release.Namespace }}
{{- end }}
{{- end }}

{{- define "common.admissionRules" -}}
{{- .Files.Get "tunables/admission.yaml" | sha256sum | trunc 12 -}}
{{- end }}

{{/*
common.admissionMark: the annotation of a ConfigMap that says by which rules it was written.
*/}}
{{- define "common.admissionMark" -}}
{{- if and .Values.admissionPolicy .Values.admissionPolicy.enabled -}}
fairlead/tunables-rules: {{ include "common.admissionRules" . | quote }}
{{- end }}
{{- end }}
