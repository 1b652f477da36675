{{- /* What both halves are told, as a YAML map. Secrets come as files. */}}
{{- define "darkroom.shared" -}}
REDIS_URL_FILE: /secrets/redis-url
RABBITMQ_URL_FILE: /broker/url
S3_ENDPOINT: {{ .Values.s3.endpoint | quote }}
S3_SECURE: {{ .Values.s3.secure | quote }}
S3_BUCKET: {{ .Values.s3.bucket | quote }}
S3_ACCESS_KEY_FILE: /secrets/s3-access-key
S3_SECRET_KEY_FILE: /secrets/s3-secret-key
{{- if .Values.caFile }}
TLS_CA_FILE: /secrets/ca.crt
{{- end }}
{{- if .Values.models }}
MODELS_FILE: /etc/darkroom/catalogue/models.yaml
{{- end }}
{{- end }}

{{- /* A map as a container's env, in the order of the names. */}}
{{- define "darkroom.env" -}}
{{- range $key, $value := . }}
- {name: {{ $key }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{- define "darkroom.mounts" -}}
- {name: secrets, mountPath: /secrets, readOnly: true}
- {name: broker, mountPath: /broker, readOnly: true}
{{- if .Values.models }}
- {name: catalogue, mountPath: /etc/darkroom/catalogue, readOnly: true}
{{- end }}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "darkroom.volumes" -}}
- {name: secrets, secret: {secretName: {{ .Values.secret }}, defaultMode: 0440}}
- name: broker
  secret:
    secretName: {{ include "darkroom.brokerSecret" . }}
    defaultMode: 0440
    items: [{key: {{ include "darkroom.brokerKey" . }}, path: url}]
{{- if .Values.models }}
- {name: catalogue, configMap: {name: {{ .Release.Name }}-models}}
{{- end }}
- {name: tmp, emptyDir: {sizeLimit: 1Gi}}
{{- end }}
