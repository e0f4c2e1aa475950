# Looks at the markers of one drive by lstat and prints one framed answer. POSIX sh; ls, dd and sha256sum of busybox do.
# Arguments: NONCE DRIVE BUCKET… It writes nothing, follows no link and opens only <drive>/.rustfs.sys/format.json.
set -u
LC_ALL=C
export LC_ALL
nonce=$1 drive=$2
shift 2

look() { # sets `seen` to what is at $1; only ENOENT of this very path, in the words of busybox or GNU, is absence
  if said=$(ls -ld "$1" 2>&1); then
    case $said in
    d*) seen="directory $1" ;;
    l*) seen="link $1" ;;
    -*) seen="file $1" ;;
    p*) seen="fifo $1" ;;
    s*) seen="socket $1" ;;
    [bc]*) seen="device $1" ;;
    *) seen="error $1 $said" ;;
    esac
  else
    case $said in
    "ls: $1: No such file or directory" | "ls: cannot access '$1': No such file or directory") seen="absent $1" ;;
    *) seen="error $1 $said" ;;
    esac
  fi
}

emit() {
  for record do
    printf '%s\000' "$record"
  done
}

buckets=$#
look "$drive"
set -- "$@" "$seen"
look "$drive/.rustfs.sys"
set -- "$@" "$seen"
for bucket do
  [ "$buckets" -gt 0 ] || break
  buckets=$((buckets - 1))
  shift
  look "$drive/$bucket"
  set -- "$@" "$seen"
  look "$drive/.rustfs.sys/buckets/$bucket/.metadata.bin"
  set -- "$@" "$seen"
done
look "$drive/.rustfs.sys"
set -- "$@" "$seen"
look "$drive/.rustfs.sys/format.json"
case $seen in
file*) set -- "$@" "format $(dd if="$drive/.rustfs.sys/format.json" bs=65536 count=1 2>/dev/null)" ;;
esac

sum=$(emit "$@" | sha256sum 2>/dev/null) || sum=
sum=${sum%% *}
printf '\ngate-markers START %s\n' "$nonce"
emit "$@"
printf 'COUNT %s SHA256 %s END %s\n' "$#" "${sum:-none}" "$nonce"
