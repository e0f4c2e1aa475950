# The few parts of nixpkgs that the project's flake.nix uses: a package is what it was asked to be made of.
{
  outputs = _: {
    legacyPackages = builtins.listToAttrs (map
      (system: {
        name = system;
        value = {
          inherit system;
          python3Packages = {
            hatchling = "hatchling";
            buildPythonApplication = asked: {
              type = "derivation";
              name = "${asked.pname}-${asked.version}";
              outPath = "/nix/store/00000000000000000000000000000000-${asked.pname}-${asked.version}";
              inherit asked;
            };
          } // builtins.listToAttrs (map (name: { inherit name; value = name; }) [
            "boto3" "brotli" "certifi" "cryptography" "cyclopts" "httpcore" "httpx" "jinja2" "pycurl"
            "pydantic" "pyjwt" "rfc8785" "rich" "stamina" "zstandard"
          ]);
        };
      }) [ "x86_64-linux" "aarch64-linux" ]);
  };
}
