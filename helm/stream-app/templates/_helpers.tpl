{{/* The release's name with the chart's, once, and short enough for what is put behind it. */}}
{{- define "stream-app.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{/* Labels of an object of one component: list of the root context and its name. */}}
{{- define "stream-app.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
{{ include "stream-app.selector" . }}
{{- end }}

{{/* The labels that pods are found by; they may never change. */}}
{{- define "stream-app.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Image of a container, from a list of the root context and "agents" or "worker". */}}
{{- define "stream-app.image" -}}
{{- $root := index . 0 -}}
{{- $image := $root.Values.image -}}
{{- $of := index $image (index . 1) -}}
image: {{ $of.repository }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ with $of.digest }}@{{ . }}{{ end }}
imagePullPolicy: {{ $image.pullPolicy }}
{{- end }}

{{/* What every pod has: no rights, no token, and time to finish. */}}
{{- define "stream-app.pod" -}}
automountServiceAccountToken: false
# Variables of a service named stream-app-... would look like settings, and unknown ones are refused.
enableServiceLinks: false
# A worker may drain twice: its batch at the signal, and again when it gives its partitions back.
terminationGracePeriodSeconds: {{ add (mul 2 .Values.drainSeconds) 20 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What every container has. */}}
{{- define "stream-app.container-security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* The port that a kubelet asks a process on; no service leads to it. */}}
{{- define "stream-app.health-port" -}}8080{{- end }}

{{/* What a kubelet asks a process. Readiness sends nobody to it: it holds back an update that does not come up. */}}
{{- define "stream-app.probes" -}}
ports:
  - name: health
    containerPort: {{ include "stream-app.health-port" . }}
# Until the imports are done, which takes long where the CPU is scarce; /live answers while a model loads.
startupProbe:
  httpGet: {path: /live, port: health}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /live, port: health}
  periodSeconds: 15
  timeoutSeconds: 10
  failureThreshold: 4
readinessProbe:
  httpGet: {path: /ready, port: health}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{/* Settings of every process. */}}
{{- define "stream-app.env" -}}
- name: KAFKA_BOOTSTRAP_SERVERS
  value: {{ required "kafka.bootstrapServers is missing: host:port of your brokers" .Values.kafka.bootstrapServers | quote }}
{{- with .Values.kafka }}
- name: KAFKA_SECURITY_PROTOCOL
  value: {{ .securityProtocol }}
{{- if hasPrefix "SASL" .securityProtocol }}
{{- $secret := required "kafka.saslSecret is missing: a secret with the keys username and password" .saslSecret }}
- name: KAFKA_SASL_MECHANISM
  value: {{ .saslMechanism }}
- name: KAFKA_SASL_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: username
- name: KAFKA_SASL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: password
{{- end }}
{{- if .caSecret }}
- name: KAFKA_SSL_CAFILE
  value: /etc/stream-app/kafka-ca/ca.crt
{{- end }}
{{- if .certificateSecret }}
- name: KAFKA_SSL_CERTFILE
  value: /etc/stream-app/kafka-certificate/tls.crt
- name: KAFKA_SSL_KEYFILE
  value: /etc/stream-app/kafka-certificate/tls.key
{{- end }}
{{- end }}
- name: STREAM_APP_TOPIC_PREFIX
  value: {{ .Values.kafka.topicPrefix | quote }}
- name: STREAM_APP_DRAIN_S
  value: {{ .Values.drainSeconds | quote }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{/* Certificates of every pod: the volumes by name, and where they are mounted. */}}
{{- define "stream-app.certificates" -}}
{{- $secrets := dict "kafka-ca" .Values.kafka.caSecret "kafka-certificate" .Values.kafka.certificateSecret "s3-ca" .Values.objectStore.caSecret -}}
{{- range $name, $secret := $secrets }}
{{- if $secret }}
- name: {{ $name }}
  secret:
    secretName: {{ $secret }}
    # Read by the group of the pod's fsGroup.
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end }}
{{- define "stream-app.certificate-mounts" -}}
{{- range (include "stream-app.certificates" . | fromYamlArray) }}
- name: {{ .name }}
  mountPath: /etc/stream-app/{{ .name }}
  readOnly: true
{{- end }}
{{- end }}

{{/* Object storage, from a list of the root context and the secret's name. */}}
{{- define "stream-app.object-store-env" -}}
{{- $store := (index . 0).Values.objectStore -}}
{{- $secret := required "objectStore.existingSecret is missing: a secret with the keys access-key and secret-key" (index . 1) -}}
- name: S3_ENDPOINT
  value: {{ required "objectStore.endpoint is missing: host:port of your object storage" $store.endpoint | quote }}
- name: S3_SECURE
  value: {{ $store.secure | quote }}
{{- if $store.caSecret }}
- name: S3_CAFILE
  value: /etc/stream-app/s3-ca/ca.crt
{{- end }}
- name: S3_REGION
  value: {{ $store.region | quote }}
- name: S3_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: access-key
- name: S3_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: secret-key
{{- end }}
