{{- define "trackside.name" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{ end }}{{ end }}
{{- end }}

{{- define "trackside.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "trackside.labels" -}}
{{ include "trackside.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "trackside.hub" -}}
{{ include "trackside.selector" . }}
app.kubernetes.io/component: hub
{{- end }}

{{- define "trackside.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- define "trackside.account" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "trackside.name" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{/* Exactly one of the three ways to a database. */}}
{{- define "trackside.database" -}}
{{- $ways := 0 }}
{{- if .Values.database.existingSecret }}{{ $ways = add1 $ways }}{{ end }}
{{- if .Values.database.bundled.enabled }}{{ $ways = add1 $ways }}{{ end }}
{{- if .Values.externalSecret.enabled }}{{ $ways = add1 $ways }}{{ end }}
{{- if ne (int $ways) 1 }}
{{- fail "name one database: database.existingSecret (a secret with its URL), externalSecret.enabled, or database.bundled.enabled for a trial" }}
{{- end }}
{{- if .Values.database.bundled.enabled -}}
- name: DATABASE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "trackside.name" . }}-database, key: password}}
- name: TRACKSIDE_DATABASE_URL
  value: postgresql://trackside:$(DATABASE_PASSWORD)@{{ include "trackside.name" . }}-database:5432/trackside
{{- else -}}
- name: TRACKSIDE_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ default (include "trackside.name" .) .Values.database.existingSecret }}
      key: {{ .Values.database.key }}
{{- end }}
{{- end }}

{{/* Where a Pod may run: the hub's, and those that run once for it. */}}
{{- define "trackside.place" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What is mounted beside the hub's own: secrets, and what the values name. A certificate that the
database's URL names is needed by a migration, too. */}}
{{- define "trackside.mounts" -}}
{{- range .Values.secretFiles }}
- {name: secret-{{ .name }}, mountPath: /run/secrets/{{ .name }}, readOnly: true}
{{- end }}
{{- with .Values.volumeMounts }}{{ toYaml . | nindent 0 }}{{ end }}
{{- end }}

{{- define "trackside.volumes" -}}
{{- range .Values.secretFiles }}
- name: secret-{{ .name }}
  secret: {secretName: {{ .secret }}, defaultMode: 0440}
{{- end }}
{{- with .Values.volumes }}{{ toYaml . | nindent 0 }}{{ end }}
{{- end }}

{{- define "trackside.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.user }}
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "trackside.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
