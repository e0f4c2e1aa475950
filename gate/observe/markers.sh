# Looks at the markers of one drive by lstat and prints one framed answer. POSIX sh; ls, dd and sha256sum of busybox do;
# stat, where there is one, tells each folder's file system.
# Arguments: NONCE DRIVE BUCKET… It writes nothing, follows no link and opens only <drive>/.rustfs.sys/format.json.
set -u
LC_ALL=C
export LC_ALL
nonce=$1 drive=$2
shift 2

device() { # prints a blank and the number of the file system that $1 is on, or nothing where that can't be determined
  number=$(stat -c %d "$1" 2>/dev/null) || return 0
  case $number in
  '' | *[!0-9]*) ;;
  *) printf ' %s' "$number" ;;
  esac
}

look() { # sets `seen` to what is at $1; only ENOENT of this very path, in the words of busybox or GNU, is absence
  if said=$(ls -ld "$1" 2>&1); then
    case $said in
    d*) seen="directory $1$(device "$1")" ;;
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
format=$drive/.rustfs.sys/format.json
look "$format"
case $seen in
file*)
  if said=$(dd if="$format" bs=65536 count=1 2>/dev/null); then
    set -- "$@" "format $said"
  else
    said=$(dd if="$format" of=/dev/null bs=65536 count=1 2>&1)
    set -- "$@" "error $format ${said%%
*}"
  fi
  ;;
error*) set -- "$@" "$seen" ;;
esac

sum=$(emit "$@" | sha256sum 2>/dev/null) || sum=
sum=${sum%% *}
printf '\ngate-markers START %s\n' "$nonce"
emit "$@"
printf 'COUNT %s SHA256 %s END %s\n' "$#" "${sum:-none}" "$nonce"
