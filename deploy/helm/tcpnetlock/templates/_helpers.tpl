{{- define "tnl.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Names of pods and of their revisions are made of it, and have 63 characters at most. */}}
{{- define "tnl.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "tnl.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tnl.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The headless service: in its names the pods find each other. */}}
{{- define "tnl.peers" -}}
{{- include "tnl.fullname" . -}}-peers
{{- end -}}

{{- define "tnl.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tnl.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "tnl.selectorLabels" -}}
{{- if .Values.selectorLabels -}}
{{- toYaml .Values.selectorLabels -}}
{{- else -}}
app.kubernetes.io/name: {{ include "tnl.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- end -}}

{{/* Of everything but pods. */}}
{{- define "tnl.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_"))
  "app.kubernetes.io/name" (include "tnl.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service -}}
{{- toYaml (merge (dict) .Values.commonLabels $own) -}}
{{- end -}}

{{/* Of the nodes' pods. No version: a chart that changes nothing else restarts nothing. */}}
{{- define "tnl.podLabels" -}}
{{- $own := dict "app.kubernetes.io/name" (include "tnl.name" .) "app.kubernetes.io/instance" .Release.Name -}}
{{- toYaml (merge (dict) (include "tnl.selectorLabels" . | fromYaml) .Values.podLabels .Values.commonLabels $own) -}}
{{- end -}}

{{- define "tnl.image" -}}
{{- with .Values.image -}}
{{- $name := ternary .repository (printf "%s/%s" .registry .repository) (empty .registry) -}}
{{- if .digest -}}
{{- printf "%s@%s" $name .digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tnl.clusterName" -}}
{{- default (include "tnl.fullname" .) .Values.cluster.name -}}
{{- end -}}

{{- define "tnl.founders" -}}
{{- .Values.cluster.initialReplicas | default .Values.replicaCount | int -}}
{{- end -}}

{{- define "tnl.tlsSecret" -}}
{{- .Values.tls.existingSecret | default (printf "%s-tls" (include "tnl.fullname" .)) -}}
{{- end -}}

{{- define "tnl.authSecret" -}}
{{- .Values.auth.existingSecret | default (printf "%s-auth" (include "tnl.fullname" .)) -}}
{{- end -}}

{{/* Every node, as others in the cluster of Kubernetes find it, and as certificates name it. */}}
{{- define "tnl.endpoints" -}}
{{- $names := list -}}
{{- range $pod := until (int .Values.replicaCount) -}}
{{- $names = append $names (printf "%s-%d.%s.%s.svc:7654" (include "tnl.fullname" $) $pod (include "tnl.peers" $) $.Release.Namespace) -}}
{{- end -}}
{{- join "," $names -}}
{{- end -}}

{{/* A probe, by https where the ports speak it. */}}
{{- define "tnl.probe" -}}
{{- $probe := deepCopy .probe -}}
{{- if and .context.Values.tls.enabled (hasKey $probe "httpGet") -}}
{{- $_ := set $probe "httpGet" (merge (dict) $probe.httpGet (dict "scheme" "HTTPS")) -}}
{{- end -}}
{{- toYaml $probe -}}
{{- end -}}

{{/* What can be said only by looking at several values at once. */}}
{{- define "tnl.check" -}}
{{- $v := .Values -}}
{{- if gt (include "tnl.founders" . | int) (int $v.replicaCount) -}}
{{- fail "cluster.initialReplicas is more than replicaCount: a cluster that formed with more nodes shrinks by `tnl members remove`; set both to what is left" -}}
{{- end -}}
{{- if and $v.tls.enabled (not $v.tls.existingSecret) (not $v.tls.certManager.enabled) -}}
{{- fail "tls.enabled needs tls.existingSecret or tls.certManager.enabled" -}}
{{- end -}}
{{- if and $v.tls.certManager.enabled (not $v.tls.enabled) -}}
{{- fail "tls.certManager.enabled needs tls.enabled" -}}
{{- end -}}
{{- if and $v.tls.certManager.enabled (not $v.tls.certManager.issuerRef.name) -}}
{{- fail "tls.certManager.enabled needs tls.certManager.issuerRef.name" -}}
{{- end -}}
{{- if and $v.auth.enabled (not $v.auth.existingSecret) (not $v.auth.policy) -}}
{{- fail "auth.enabled needs auth.existingSecret or auth.policy" -}}
{{- end -}}
{{- if and $v.auth.enabled (not $v.tls.enabled) (not $v.auth.overPlainText) -}}
{{- fail "auth.enabled without tls.enabled: tokens would cross the network in plain text; auth.overPlainText=true if something else encrypts" -}}
{{- end -}}
{{- if and $v.backup.enabled $v.auth.enabled (not $v.backup.tokenSecret.name) -}}
{{- fail "backup.enabled needs backup.tokenSecret.name where auth is on: a token of an identity that may `snapshot`" -}}
{{- end -}}
{{- if and $v.backup.enabled (not $v.auth.enabled) (not (index $v.config "allow-admin")) -}}
{{- fail "backup.enabled needs auth.enabled, or config.allow-admin=true: without accounts only the node's own pod may save a snapshot" -}}
{{- end -}}
{{- end -}}
