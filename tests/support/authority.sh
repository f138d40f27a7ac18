#!/bin/sh
# A small authority for tests: authority.sh FOLDER fills it with certificates and with detached signatures of
# FOLDER/document, good and bad. Each NAME.p7s is DER; what is wrong with it is its name.
set -eu
cd "$1"
exec 2>openssl.log
printf 'Search warrant 26-SW-1182, by order of the court\n' >document
printf 'Search warrant 26-SW-1183, by order of the court\n' >another

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
# issue NAME ISSUER EXTENSIONS DAYS SUBJECT: a certificate NAME.pem by ISSUER (itself: self-signed)
issue() {
    key "$1"
    printf '%s\n' "$3" | tr ';' '\n' >"$1.ext"
    openssl req -new -utf8 -key "$1.key" -subj "$5" -out "$1.csr"
    if [ "$2" = "$1" ]; then
        openssl x509 -req -in "$1.csr" -signkey "$1.key" -extfile "$1.ext" -days "$4" -out "$1.pem"
    else
        openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -extfile "$1.ext" -days "$4" -out "$1.pem"
    fi
}
# seal NAME SIGNER [OPTIONS...]: over document unless OPTIONS say -in again
seal() {
    name=$1 signer=$2
    shift 2
    openssl cms -sign -binary -in document -signer "$signer.pem" -inkey "$signer.key" -outform DER -out "$name.p7s" "$@"
}
ca='basicConstraints=critical,CA:TRUE;keyUsage=critical,keyCertSign,cRLSign'
leaf='basicConstraints=CA:FALSE;keyUsage=critical,digitalSignature'

issue root root "$ca" 3650 '/O=Ministry of Justice/CN=Court Root'
issue middle root "$ca" 1825 '/CN=Courts of Riverside'
issue court root "$leaf" 365 '/CN=Superior Court of Riverside'
issue clerk middle "$leaf;extendedKeyUsage=emailProtection" 365 '/CN=Clerk of Riverside'
issue notary root 'basicConstraints=CA:FALSE;keyUsage=critical,nonRepudiation;extendedKeyUsage=1.3.6.1.5.5.7.3.36' 365 '/O=Notary Office'
issue server root "$leaf;extendedKeyUsage=serverAuth" 365 '/CN=www.riverside.example'
issue cipher root 'basicConstraints=CA:FALSE;keyUsage=critical,keyEncipherment' 365 '/CN=Cipher'
issue brief root "$leaf" 10 '/CN=Brief Court'
issue past root "$leaf" -1 '/CN=Past Court'
issue nobody nobody "$leaf" 365 '/CN=Superior Court of Riverside'
issue below court "$leaf" 365 '/CN=Below a leaf'
openssl x509 -in root.pem -outform DER -out root.der
openssl x509 -in middle.pem -outform DER -out middle.der
openssl x509 -in court.pem -outform DER -out court.der

seal good court
seal intermediate clerk -certfile middle.pem
seal notary notary
seal two court -signer notary.pem -inkey notary.key
seal self_signed nobody
seal brief brief
seal expired past
seal wrong_usage server
seal cipher cipher
seal below below -certfile court.pem
seal no_chain clerk
seal other_document court -in another
seal attached court -nodetach
seal no_attributes court -noattr
seal sha1 court -md sha1
seal no_certificate court -nocerts
: >empty.p7s
head -c 300 good.p7s >truncated.p7s
cat good.p7s document >trailing.p7s

i=0
while [ $i -lt 100 ]; do # a hundred certificates that differ in their serial alone
    openssl x509 -req -in court.csr -CA root.pem -CAkey root.key -set_serial $((1000 + i)) -days 365 >>many.pem
    i=$((i + 1))
done
seal many court -certfile many.pem
head -n "$(($(grep -n END many.pem | sed -n 15p | cut -d: -f1)))" many.pem >fifteen.pem
seal sixteen court -certfile fifteen.pem
head -n "$(($(grep -n END many.pem | sed -n 16p | cut -d: -f1)))" many.pem >sixteen.pem
seal seventeen court -certfile sixteen.pem
seal five court -signer notary.pem -inkey notary.key -signer brief.pem -inkey brief.key -signer clerk.pem -inkey clerk.key -signer cipher.pem -inkey cipher.key
