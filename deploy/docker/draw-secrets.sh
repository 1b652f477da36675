#!/bin/sh
# Draws what this stack keeps secret, once, into the volume SECRETS: passwords, the key that signs job ids, and the addresses made of them.
# Members of the group READERS may read them. What the operator gave in the environment is kept instead of a draw.
set -eu
umask 027
cd "$SECRETS"

keep() { # keep NAME VALUE: the value given, else the one that is there, else a drawn one
    if [ -n "$2" ]; then
        case "$2" in *[!A-Za-z0-9._~-]*)
            echo "$1: allowed: letters, digits and . _ ~ -, because it becomes part of an address" >&2
            exit 1
        esac
        printf %s "$2" > "$1"
    elif ! [ -s "$1" ]; then
        head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' > "$1"
    fi
}

keep id_keys ""
keep rabbitmq_password "$RABBITMQ_PASSWORD"
keep redis_password "$REDIS_PASSWORD"
keep s3_secret_key "$S3_SECRET_KEY"
keep grafana_password ""
printf %s "$S3_ACCESS_KEY" > s3_access_key
printf 'amqp://%s:%s@rabbitmq:5672/' "$RABBITMQ_USER" "$(cat rabbitmq_password)" > rabbitmq_url
printf 'redis://:%s@redis:6379/0' "$(cat redis_password)" > redis_url

chgrp -R "$READERS" .
chmod 750 .
chmod 440 ./*
