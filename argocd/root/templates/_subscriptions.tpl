{{/* Annotations of an application: who hears of it. Takes the root's context and the tags of its marks in Grafana. */}}
{{- define "fairlead-root.subscriptions" -}}
{{- if .root.Values.notifications.grafana.enabled }}
notifications.argoproj.io/subscribe.on-deployed.grafana: '{{ concat (list "deployment" "fairlead") .tags | join "|" }}'
{{- end }}
{{- if .root.Values.notifications.chat.enabled }}
notifications.argoproj.io/subscribe.on-deployed.chat: ""
notifications.argoproj.io/subscribe.on-failed.chat: ""
notifications.argoproj.io/subscribe.on-degraded.chat: ""
{{- end }}
{{- end }}
