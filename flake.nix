# publication-gate as a Nix package, for NixOS images and runners that are made of Nix:
#   nix run github:OWNER/publication-gate/COMMIT -- probe --help
# Nixpkgs comes from the flake that uses this one (inputs.publication-gate.inputs.nixpkgs.follows), so that the gate is
# built with the Python libraries that its image has anyway. The hashed locks in requirements/ are pip's and uv's alone.
{
  description = "Evidence whether trusted builds may publish to an Attic cache now";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      forEach = make: builtins.listToAttrs (map (system: { name = system; value = make nixpkgs.legacyPackages.${system}; }) systems);
      version = builtins.head (builtins.match ".*\n__version__ = \"([^\"]+)\".*" (builtins.readFile ./gate/__init__.py));
    in
    {
      packages = forEach (pkgs: rec {
        default = publication-gate;
        publication-gate = pkgs.python3Packages.buildPythonApplication {
          pname = "publication-gate";
          inherit version;
          pyproject = true;
          src = self;
          build-system = [ pkgs.python3Packages.hatchling ];
          # The dependencies of pyproject.toml, by the names that nixpkgs has for them.
          dependencies = with pkgs.python3Packages; [
            boto3
            brotli
            certifi
            cryptography
            cyclopts
            httpcore
            httpx
            jinja2
            pycurl
            pydantic
            pyjwt
            rfc8785
            rich
            stamina
            zstandard
          ];
          # The suite needs real servers, a writable /nix and a network; CI of the project runs it.
          doCheck = false;
          pythonImportsCheck = [ "gate.cli.main" ];
          meta = {
            description = "Evidence whether trusted builds may publish to an Attic cache now";
            mainProgram = "publication-gate";
            platforms = systems;
          };
        };
      });

      apps = forEach (pkgs: {
        default = {
          type = "app";
          program = "${self.packages.${pkgs.system}.default}/bin/publication-gate";
        };
      });
    };
}
