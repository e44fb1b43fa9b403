# shellcheck shell=bash
# Sourced by ./test and ./run, with the repository as the current folder: the .NET SDK, or one line that says how to get it.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
# Neither the SDK nor the formatter needs ICU here, and a small machine has none.
if ! /sbin/ldconfig -p 2>/dev/null | grep -q libicuuc; then export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1; fi
# No build node stays behind (the compiler server ends by itself when it is idle).
export MSBUILDDISABLENODEREUSE=1

if ! command -v dotnet >/dev/null && [ -x "${DOTNET_ROOT:-$HOME/.dotnet}/dotnet" ]; then PATH="${DOTNET_ROOT:-$HOME/.dotnet}:$PATH"; fi
if ! dotnet --version >/dev/null 2>&1; then
    echo "Millrace needs the .NET 10 SDK: 'apt-get install dotnet-sdk-10.0' on Ubuntu; elsewhere https://dotnet.microsoft.com/download" >&2
    exit 1
fi
# Where a program that is started by its own name finds the runtime.
DOTNET_ROOT=${DOTNET_ROOT:-$(dirname "$(readlink -f "$(command -v dotnet)")")}
export DOTNET_ROOT
