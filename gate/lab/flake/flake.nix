# Offline checks shaped like a team's own: a tool reads twenty sources, and the output is one empty file.
# Everything is done by the shell's own words, so that a sandbox with nothing but /bin/sh is enough.
{
  description = "publication-gate's lab";

  outputs =
    { ... }:
    let
      systems = [
        "aarch64-linux"
        "i686-linux"
        "x86_64-linux"
      ];

      # Written beside this file for each run, so that no path of it was ever seen before.
      salt = builtins.readFile ./salt;

      # A path each, all of them named `source`, as fetchers name theirs.
      sources = map (
        name:
        builtins.path {
          name = "source";
          path = ./src + "/${name}";
        }
      ) (builtins.attrNames (builtins.readDir ./src));

      shell =
        system: name: script: environment:
        derivation (
          environment
          // {
            inherit name system;
            builder = "/bin/sh";
            args = [
              "-euc"
              script
            ];
          }
        );

      tool =
        system: name:
        shell system name ''printf '%s\n' "$program" >"$out"'' {
          program = ''
            # ${name} of run ${salt}
            for source in "$@"; do
              IFS= read -r line <"$source/lib.nix"
              case $line in "# "*) ;; *) echo "$source: no heading" >&2; exit 1 ;; esac
            done
          '';
        };

      check =
        system: name: version:
        shell system "${name}-check" ''
          /bin/sh "$tool" $sources
          : >"$out"
        '' {
          inherit sources;
          tool = tool system "${name}-${version}";
        };

      checks = system: {
        statix = check system "statix" "0.5";
        deadnix = check system "deadnix" "1.2.1";
        broken = shell system "broken-check" ''
          echo "the lab's broken check fails on purpose, in run ${salt}" >&2
          exit 1
        '' { inherit sources; };
      };
    in
    {
      checks = builtins.listToAttrs (
        map (system: {
          name = system;
          value = checks system;
        }) systems
      );
    };
}
