{{/* Names, labels, and the one pod that every component is made of. */}}

{{- define "cfa-gateway.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "cfa-gateway.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cfa-gateway.labels" -}}
{{ include "cfa-gateway.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "cfa-gateway.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "cfa-gateway.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "cfa-gateway.image" -}}
{{- with .Values.image -}}
{{- if .registry }}{{ trimSuffix "/" .registry }}/{{ end }}{{ .repository -}}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{/* The schema says the same; this is for whoever skips it. */}}
{{- define "cfa-gateway.check" -}}
{{- $v := .Values -}}
{{- if eq $v.database.engine "sqlite" -}}
{{- if or (ne (int $v.api.replicas) 1) (ne (int $v.worker.replicas) 1) (ne (int $v.admin.replicas) 1) -}}
{{- fail "SQLite est le fichier d'un seul processus : api.replicas, worker.replicas et admin.replicas valent 1. Pour plusieurs répliques, database.engine: postgres." -}}
{{- end -}}
{{- else -}}
{{- if not (and $v.database.existingSecret $v.masterKey.existingSecret) -}}
{{- fail "Avec PostgreSQL, database.existingSecret et masterKey.existingSecret sont obligatoires : chaque réplique reçoit la même adresse et la même clé." -}}
{{- end -}}
{{- if and (eq $v.files.storage "volume") (ne $v.files.volume.accessMode "ReadWriteMany") -}}
{{- fail "Les pods api et worker partagent les fichiers : files.volume.accessMode: ReadWriteMany, ou files.storage: s3." -}}
{{- end -}}
{{- end -}}
{{- if and (eq $v.files.storage "s3") (not (and $v.files.s3.bucket $v.files.s3.region $v.files.s3.existingSecret)) -}}
{{- fail "files.storage: s3 demande files.s3.bucket, files.s3.region et files.s3.existingSecret." -}}
{{- end -}}
{{- if and $v.admin.enabled (not (hasPrefix "https://" $v.admin.publicUrl)) -}}
{{- fail "admin.enabled demande admin.publicUrl: https://… : aucun mot de passe ne circule en clair." -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.host) -}}
{{- fail "ingress.enabled demande ingress.host." -}}
{{- end -}}
{{- end -}}

{{/* The settings that the chart makes; everything else is in the ConfigMap. */}}
{{- define "cfa-gateway.env" -}}
{{- $v := .Values -}}
- name: CFA_GATEWAY_CONFIG
  value: /etc/cfa-gateway/passerelle.toml
- name: CFA_GATEWAY__SERVER__LISTEN
  value: "0.0.0.0:8080"
- name: CFA_GATEWAY__SERVER__MONITORING_LISTEN
  value: "0.0.0.0:9464"
- name: CFA_GATEWAY__SERVER__DRAIN_SECONDS
  value: {{ $v.drainSeconds | quote }}
{{- with $v.publicUrl }}
- name: CFA_GATEWAY__SERVER__PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
- name: CFA_GATEWAY__TELEMETRY__FORMAT
  value: json
{{- with $v.otlpEndpoint }}
- name: CFA_GATEWAY__TELEMETRY__OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: CFA_GATEWAY__DATABASE__CONNECTIONS_MAX
  value: {{ $v.database.connectionsMax | quote }}
- name: CFA_GATEWAY__DATABASE__URL
{{- if eq $v.database.engine "sqlite" }}
  value: sqlite:/var/lib/cfa-gateway/data/cfa-gateway.db
{{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ $v.database.existingSecret }}
      key: {{ $v.database.urlKey }}
{{- end }}
{{- if $v.masterKey.existingSecret }}
- name: CFA_GATEWAY__MASTER_KEY__VALUE
  valueFrom:
    secretKeyRef:
      name: {{ $v.masterKey.existingSecret }}
      key: {{ $v.masterKey.key }}
{{- else }}
- name: CFA_GATEWAY__MASTER_KEY__FILE
  value: /var/lib/cfa-gateway/data/master.key
{{- end }}
{{- if $v.redis.existingSecret }}
- name: CFA_GATEWAY__REDIS__URL
  valueFrom:
    secretKeyRef:
      name: {{ $v.redis.existingSecret }}
      key: {{ $v.redis.urlKey }}
{{- end }}
- name: CFA_GATEWAY__FILES__FOLDER
  value: /var/lib/cfa-gateway/data/files
{{- if eq $v.files.storage "s3" }}
- name: CFA_GATEWAY__FILES__S3__BUCKET
  value: {{ $v.files.s3.bucket | quote }}
- name: CFA_GATEWAY__FILES__S3__REGION
  value: {{ $v.files.s3.region | quote }}
{{- with $v.files.s3.endpoint }}
- name: CFA_GATEWAY__FILES__S3__ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: CFA_GATEWAY__FILES__S3__ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ $v.files.s3.existingSecret }}
      key: {{ $v.files.s3.accessKeyIdKey }}
- name: CFA_GATEWAY__FILES__S3__SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ $v.files.s3.existingSecret }}
      key: {{ $v.files.s3.secretAccessKeyKey }}
{{- end }}
{{- with $v.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "cfa-gateway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "cfa-gateway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "cfa-gateway.mounts" -}}
- name: settings
  mountPath: /etc/cfa-gateway
  readOnly: true
- name: data
  mountPath: /var/lib/cfa-gateway/data
- name: tmp
  mountPath: /tmp
{{- end -}}

{{/* Folder of the settings, folder of the data, /tmp. What goes to a bucket is only received in the folder. */}}
{{- define "cfa-gateway.volumes" -}}
{{- $v := .Values -}}
- name: settings
  configMap:
    name: {{ include "cfa-gateway.name" . }}
- name: tmp
  emptyDir: {}
- name: data
{{- if eq $v.database.engine "sqlite" }}
  persistentVolumeClaim:
    claimName: {{ $v.database.volume.existingClaim | default (include "cfa-gateway.name" .) }}
{{- else if eq $v.files.storage "volume" }}
  persistentVolumeClaim:
    claimName: {{ $v.files.volume.existingClaim | default (printf "%s-files" (include "cfa-gateway.name" .)) }}
{{- else }}
  emptyDir: {}
{{- end }}
{{- end -}}

{{/* One Deployment: (dict "root" $ "component" "api" "roles" "api" "values" .Values.api "doors" (dict "api" 8080)). */}}
{{- define "cfa-gateway.deployment" -}}
{{- $root := .root -}}
{{- $sqlite := eq $root.Values.database.engine "sqlite" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "cfa-gateway.name" $root }}-{{ .component }}
  labels:
    {{- include "cfa-gateway.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  replicas: {{ .values.replicas }}
  strategy:
    {{- if $sqlite }}
    # Two processes on one SQLite file would each think that they are alone.
    type: Recreate
    {{- else }}
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
    {{- end }}
  selector:
    matchLabels:
      {{- include "cfa-gateway.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  template:
    metadata:
      labels:
        {{- include "cfa-gateway.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
      annotations:
        # New settings make new pods.
        checksum/settings: {{ $root.Values.settings | sha256sum }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "cfa-gateway.serviceAccount" $root }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      # The pause before the signal, the drain, and a little more.
      terminationGracePeriodSeconds: {{ add $root.Values.drainSeconds 15 }}
      securityContext:
        {{- include "cfa-gateway.podSecurity" $root | nindent 8 }}
      containers:
        - name: cfa-gateway
          image: {{ include "cfa-gateway.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [serve, --roles, {{ .roles | quote }}]
          env:
            {{- include "cfa-gateway.env" $root | nindent 12 }}
            {{- if hasKey .doors "admin" }}
            - name: CFA_GATEWAY__ADMIN__LISTEN
              value: "0.0.0.0:8081"
            - name: CFA_GATEWAY__ADMIN__PUBLIC_URL
              value: {{ $root.Values.admin.publicUrl | quote }}
            {{- end }}
          ports:
            {{- range $name, $port := .doors }}
            - name: {{ $name }}
              containerPort: {{ $port }}
            {{- end }}
            - name: monitoring
              containerPort: 9464
          startupProbe:
            # A first start makes the schema.
            httpGet: {path: /health/live, port: monitoring}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            # Never the database: a restart would not mend it.
            httpGet: {path: /health/live, port: monitoring}
            periodSeconds: 10
            timeoutSeconds: 3
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /health/ready, port: {{ if hasKey .doors "api" }}api{{ else }}monitoring{{ end }}}
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 3
          lifecycle:
            preStop:
              # Until every proxy has taken the pod off its list.
              exec: {command: [sleep, "5"]}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            {{- include "cfa-gateway.containerSecurity" $root | nindent 12 }}
          volumeMounts:
            {{- include "cfa-gateway.mounts" $root | nindent 12 }}
      volumes:
        {{- include "cfa-gateway.volumes" $root | nindent 8 }}
      {{- with .values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if .values.affinity }}
      affinity:
        {{- toYaml .values.affinity | nindent 8 }}
      {{- else if gt (int .values.replicas) 1 }}
      affinity:
        # Not all replicas on one machine, as far as that is possible.
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm:
                topologyKey: kubernetes.io/hostname
                labelSelector:
                  matchLabels:
                    {{- include "cfa-gateway.selector" $root | nindent 20 }}
                    app.kubernetes.io/component: {{ .component }}
      {{- end }}
      {{- with .values.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
