# Asks df how full the file system of one folder is, and prints one framed answer. POSIX sh; df and sha256sum of busybox
# do. Arguments: NONCE FOLDER. It writes nothing and opens nothing.
set -u
LC_ALL=C
export LC_ALL
nonce=$1 folder=$2

emit() {
  for record do
    printf '%s\000' "$record"
  done
}

if said=$(df -P -k "$folder" 2>&1); then set -- "blocks $said"; else set -- "error blocks $said"; fi
if said=$(df -P -i "$folder" 2>&1); then set -- "$@" "inodes $said"; else set -- "$@" "error inodes $said"; fi

sum=$(emit "$@" | sha256sum 2>/dev/null) || sum=
sum=${sum%% *}
printf '\ngate-disk START %s\n' "$nonce"
emit "$@"
printf 'COUNT %s SHA256 %s END %s\n' "$#" "${sum:-none}" "$nonce"
