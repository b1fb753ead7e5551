#!/bin/sh
# Makes the certificates of this folder anew, for a hundred years. They are worth nothing anywhere: their keys are in the repository.
set -eu
cd "$(dirname "$0")"
days=36500
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }
authority() {
  key "$1"
  openssl req -x509 -new -key "$1.key" -subj "/CN=TcpNetLock test authority $1" -days $days -out "$1.pem" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}
# certificate NAME AUTHORITY SUBJECT ALTERNATIVE-NAMES
certificate() {
  name=$1 authority=$2 subject=$3 alternatives=$4
  key "$name"
  printf 'subjectAltName=%s\n' "$alternatives" >extensions
  openssl req -new -key "$name.key" -subj "/CN=$subject" 2>/dev/null |
    openssl x509 -req -CA "$authority.pem" -CAkey "$authority.key" -set_serial "0x$(openssl rand -hex 8)" \
      -extfile extensions -days $days -out "$name.pem" 2>/dev/null
  rm extensions
}
authority ca
authority other-ca
certificate node ca node DNS:localhost,DNS:n1.test,IP:127.0.0.1,IP:::1
certificate elsewhere ca elsewhere DNS:elsewhere.test
# Only `openssl ca` makes one that has expired, with every version of OpenSSL.
key expired
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' >config
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >extensions
: >index
openssl req -new -key expired.key -subj /CN=expired -out request 2>/dev/null
openssl ca -batch -config config -rand_serial -notext -cert ca.pem -keyfile ca.key -in request -extfile extensions \
  -startdate 20200101000000Z -enddate 20200102000000Z -out expired.pem 2>/dev/null
rm -f config serial index* request extensions [0-9A-F]*.pem
certificate client ca build-7 URI:tnl://test/client/build-7
rm ca.key
certificate stranger other-ca stranger DNS:localhost,IP:127.0.0.1
rm other-ca.key
