{{- define "darkroom.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* Who a part is: a dict of root, part. */}}
{{- define "darkroom.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- /* Where the broker's address lies: Secret and key. */}}
{{- define "darkroom.brokerSecret" -}}
{{- if .Values.rabbitmq.cluster.enabled }}{{ .Release.Name }}-rabbitmq-default-user{{ else }}{{ .Values.secret }}{{ end }}
{{- end }}
{{- define "darkroom.brokerKey" -}}
{{- if .Values.rabbitmq.cluster.enabled }}connection_string{{ else }}rabbitmq-url{{ end }}
{{- end }}

{{- define "darkroom.podSecurity" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "darkroom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
