{{/* The file of settings. */}}
{{- define "tnl.config" -}}
cluster:
{{- range $pod := until (include "tnl.founders" . | int) }}
  {{ include "tnl.fullname" $ }}-{{ $pod }}: {{ include "tnl.fullname" $ }}-{{ $pod }}.{{ include "tnl.peers" $ }}:7655
{{- end }}
{{- with .Values.peerSecret }}
{{- if .existingSecret }}
peer-secret-file: /etc/tnl/peer-secret/secret
peer-secret: {{ .mode }}
{{- end }}
{{- end }}
{{- with .Values.tls }}
{{- if .enabled }}
tls: {{ .mode }}
tls-cert: /etc/tnl/tls/tls.crt
tls-key: /etc/tnl/tls/tls.key
{{- if .clientCertificates }}
tls-client-ca: /etc/tnl/{{ ternary "client-ca" "tls" (not (empty .clientCASecret)) }}/ca.crt
{{- end }}
{{- if .peers.enabled }}
{{- $dir := ternary "peer-tls" "tls" (not (empty .peers.existingSecret)) }}
cluster-name: {{ include "tnl.clusterName" $ }}
peer-tls: {{ .peers.mode }}
peer-tls-cert: /etc/tnl/{{ $dir }}/tls.crt
peer-tls-key: /etc/tnl/{{ $dir }}/tls.key
peer-tls-ca: /etc/tnl/{{ $dir }}/ca.crt
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.auth.enabled }}
auth-file: /etc/tnl/auth/auth.yaml
{{- end }}
{{- if .Values.audit.enabled }}
audit-file: /var/log/tnl/audit.jsonl
audit-grants: {{ .Values.audit.grants }}
{{- end }}
{{- with .Values.config }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Volumes with secrets, as pairs of a name and a secret; each is mounted at /etc/tnl/NAME. */}}
{{- define "tnl.secrets" -}}
{{- $v := .Values -}}
{{- if $v.tls.enabled }}
tls: {{ include "tnl.tlsSecret" . }}
{{- if and $v.tls.clientCertificates $v.tls.clientCASecret }}
client-ca: {{ $v.tls.clientCASecret }}
{{- end }}
{{- if and $v.tls.peers.enabled $v.tls.peers.existingSecret }}
peer-tls: {{ $v.tls.peers.existingSecret }}
{{- end }}
{{- end }}
{{- if $v.auth.enabled }}
auth: {{ include "tnl.authSecret" . }}
{{- end }}
{{- if $v.peerSecret.existingSecret }}
peer-secret: {{ $v.peerSecret.existingSecret }}
{{- end }}
{{- end -}}
