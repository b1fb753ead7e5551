{{/* The file of settings. */}}
{{- define "tnl.config" -}}
cluster:
{{- range $pod := until (include "tnl.founders" . | int) }}
  {{ include "tnl.fullname" $ }}-{{ $pod }}: {{ include "tnl.fullname" $ }}-{{ $pod }}.{{ include "tnl.peers" $ }}:7655
{{- end }}
{{- with .Values.peerSecret }}
{{- if .existingSecret }}
peer-secret-file: /etc/tcpnetlock/peer-secret/secret
peer-secret: {{ .mode }}
{{- end }}
{{- end }}
{{- with .Values.tls }}
{{- if .enabled }}
tls: {{ .mode }}
tls-cert: /etc/tcpnetlock/tls/tls.crt
tls-key: /etc/tcpnetlock/tls/tls.key
{{- if .clientCertificates }}
tls-client-ca: /etc/tcpnetlock/{{ ternary "client-ca" "tls" (not (empty .clientCASecret)) }}/ca.crt
{{- end }}
{{- if .peers.enabled }}
{{- $dir := ternary "peer-tls" "tls" (not (empty .peers.existingSecret)) }}
cluster-name: {{ include "tnl.clusterName" $ }}
peer-tls: {{ .peers.mode }}
peer-tls-cert: /etc/tcpnetlock/{{ $dir }}/tls.crt
peer-tls-key: /etc/tcpnetlock/{{ $dir }}/tls.key
peer-tls-ca: /etc/tcpnetlock/{{ $dir }}/ca.crt
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.auth.enabled }}
auth-file: /etc/tcpnetlock/auth/auth.yaml
{{- end }}
{{- with .Values.config }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Volumes with secrets, as pairs of a name and a secret; each is mounted at /etc/tcpnetlock/NAME. */}}
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
